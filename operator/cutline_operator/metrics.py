"""What the operator counts, in a registry of its own. No client can grow a series."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The metrics of one operator process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._of_the_installation()
        self._of_its_certificates()
        self._of_our_kinds()

    def _of_the_installation(self) -> None:
        self.configuration_drift = self._counter(
            "cutline_configuration_drift",
            "Changes that somebody else made to the webhook configurations, each repaired.",
            "configuration",
        )
        self.configured = self._gauge(
            "cutline_configured", "1 while all webhook configurations stand as they should, else 0."
        )
        self.probe_failures = self._counter(
            "cutline_webhook_probe_failures",
            "TLS probes of the webhook that failed before its configurations could be created.",
        )

    def _of_its_certificates(self) -> None:
        self.certificate_expiry = self._gauge(
            "cutline_serving_certificate_expiry_timestamp_seconds",
            "When the webhook's stored certificate ends, in seconds since the epoch.",
        )
        self.authority_expiry = self._gauge(
            "cutline_authority_certificate_expiry_timestamp_seconds",
            "When the authority ends that vouches for the webhook's certificate, in seconds since the epoch.",
        )
        self.certificates_settled = self._gauge(
            "cutline_certificates_settled",
            "1 while the wanted certificate is served and only its authorities are trusted, else 0.",
        )
        self.certificate_problem = self._gauge(
            "cutline_certificate_problem",
            "1 for what is wrong with the certificate that others provide, else 0.",
            "problem",
        )

    def _of_our_kinds(self) -> None:
        self.emergencies_open = self._gauge(
            "cutline_emergencies_open", "Emergencies that no other human has reviewed yet."
        )
        self.live_proposals = self._gauge(
            "cutline_live_proposals", "Proposals whose time is not over and of which nothing has been used."
        )
        self.status_writes = self._counter("cutline_status_writes", "Status updates sent, by kind.", "kind")
        self.sweep_errors = self._counter("cutline_sweep_errors", "Objects that a sweep could not bring up to date.")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)
