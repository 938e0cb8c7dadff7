"""The demo: Cutline's main job as a story, on a real control plane."""
