"""Use of trained generators: pictures of any size, translators on disk, and whole collections of files.

Other code uses `cyclegan.Translator`, which is built on this room.
"""
