package import FuzzSupport

/// Readers of containers.
package enum FormatsTargets {
  package static let all = [gguf, safetensors, safetensorsIndex, torchPickle, json]
}
