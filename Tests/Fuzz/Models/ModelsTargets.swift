package import FuzzSupport

/// Readers of what lies beside weights and in their metadata.
package enum ModelsTargets {
  package static let all = [
    config, tokenizerJSON, tokenizerModel, tokenizerSettings, ggufVocabulary, adapterConfig, quantState, layouts,
    importanceMatrix, recipe,
  ]
}
