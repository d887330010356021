"""Using trained generators: passes over pictures of any size, translators on disk, whole collections of files.

`cyclegan.Translator`, which sits on all this, is what other code uses.
"""
