"""The bundled model's world: scenes, their captions and their pixels."""
