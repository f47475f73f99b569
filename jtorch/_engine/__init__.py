"""The engine: recording, executing and differentiating operations. It knows no operation by name."""
