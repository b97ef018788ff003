"""The API of Hugging Face's inference endpoints: an image for a text, as bytes."""
