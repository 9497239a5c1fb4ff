"""The six layers, one folder each; they never import each other and speak through the artifacts' manifests."""
