"""The engine: recording, executing and differentiating. It knows no operation by name."""
