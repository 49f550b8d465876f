"""From blocks of sound to emotion estimates."""
