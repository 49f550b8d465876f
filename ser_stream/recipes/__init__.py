"""Recipes: YAML files that decide a training run, as typed settings."""
