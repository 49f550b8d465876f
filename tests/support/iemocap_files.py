"""Files in IEMOCAP's layout."""

from __future__ import annotations

# Table 1 of Lee, Yoon and Jung (2020), as Sphinx writes it.
ALIGNMENT = """\
\t SFrm  EFrm    SegAScr Word
\t    0    51   -1290411 <s>
\t   52    75    -512803 I
\t   76    88    -402915 LIKE(2)
\t   89   140      12010 <sil>
\t  141   143    -201234 APPLE
\t  144   177    -400321 </s>
 Total score:    -2795674
"""
