"""What runs while an image is built, and what starts a process inside it.

It refuses to import anything but Python's standard library: the build stage has nothing else.
"""
