"""How YAML becomes a model: places, `extends`, problems in words, JSON Schema, rendering."""
