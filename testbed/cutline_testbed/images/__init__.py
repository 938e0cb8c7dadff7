"""Cutline's images on a machine without a container engine and without a registry.

`ensure_images` returns OCI archives, built once and found again while nothing they are made of changes.
"""

from cutline_testbed.images.builder import ImageArchives, ensure_images
from cutline_testbed.images.requirements import can_build_images

__all__ = ["ImageArchives", "can_build_images", "ensure_images"]
