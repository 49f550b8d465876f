"""Which bytes of a sound file are sound: its parts, for libsndfile to decode, and all that is not.

libsndfile decodes the first stream of a file and ignores what follows: further links of a chained
Ogg file, or files that were appended. It also ignores most damage. So the structure of a file is
read here, without decoding: `find_parts` yields the parts that are decoded one after another, each
with the length that it should have, and the bytes that belong to none.
"""
