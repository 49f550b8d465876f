"""From audio blocks to emotion estimates: the recogniser and its parts."""
