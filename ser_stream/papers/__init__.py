"""The four papers' tables: runs, summaries, reports and plots."""
