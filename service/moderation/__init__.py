"""Has prompts and images judged by a moderation service of the operator's before anybody sees an image."""
