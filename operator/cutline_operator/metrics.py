"""What the operator counts, in a registry of its own. No client can grow a series."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The metrics of one operator process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.configuration_drift = Counter(
            "cutline_configuration_drift",
            "Changes that somebody else made to the webhook configurations, each repaired.",
            ["configuration"],
            registry=self.registry,
        )
        self.configured = Gauge(
            "cutline_configured",
            "1 while all webhook configurations stand as they should, else 0.",
            registry=self.registry,
        )
        self.probe_failures = Counter(
            "cutline_webhook_probe_failures",
            "TLS probes of the webhook that failed before its configurations could be created.",
            registry=self.registry,
        )
        self.certificate_expiry = Gauge(
            "cutline_serving_certificate_expiry_timestamp_seconds",
            "When the webhook's stored certificate ends, in seconds since the epoch.",
            registry=self.registry,
        )
        self.authority_expiry = Gauge(
            "cutline_authority_certificate_expiry_timestamp_seconds",
            "When the authority ends that vouches for the webhook's certificate, in seconds since the epoch.",
            registry=self.registry,
        )
        self.certificates_settled = Gauge(
            "cutline_certificates_settled",
            "1 while the wanted certificate is served and only its authorities are trusted, else 0.",
            registry=self.registry,
        )
        self.certificate_problem = Gauge(
            "cutline_certificate_problem",
            "1 for what is wrong with the certificate that others provide, else 0.",
            ["problem"],
            registry=self.registry,
        )
        self.emergencies_open = Gauge(
            "cutline_emergencies_open",
            "Emergencies that no other human has reviewed yet.",
            registry=self.registry,
        )
        self.live_proposals = Gauge(
            "cutline_live_proposals",
            "Proposals whose time is not over and of which nothing has been used.",
            registry=self.registry,
        )
        self.status_writes = Counter(
            "cutline_status_writes", "Status updates sent, by kind.", ["kind"], registry=self.registry
        )
        self.sweep_errors = Counter(
            "cutline_sweep_errors", "Objects that a sweep could not bring up to date.", registry=self.registry
        )
