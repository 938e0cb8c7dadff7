"""The root file system of an image, collected from the stage that built it: nothing else gets in."""
