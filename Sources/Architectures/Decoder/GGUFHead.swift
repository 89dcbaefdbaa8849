/// Which head llama.cpp looks for in a GGUF of an architecture.
enum GGUFHead {
  /// One of its own, or the embedding where there is none.
  case either
  /// One of its own, without which the file is not loaded.
  case own
  /// The embedding, whatever else is there.
  case embedding
}
