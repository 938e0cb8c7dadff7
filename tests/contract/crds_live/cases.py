"""The cases of each kind, for all modules beside."""

from __future__ import annotations

from tests.contract.crd_cases import KINDS, load_cases

CASES = {plural: load_cases(plural) for plural in KINDS}
PLURAL_OF = {CASES[plural].full["kind"]: plural for plural in KINDS}
# What the gate adds to an object that a person wrote.
STAMPED = {
    "remediationproposals": ("proposer", "nonce", "changes", "requirement", "digest"),
    "signoffs": ("by", "proposalUID"),
}
