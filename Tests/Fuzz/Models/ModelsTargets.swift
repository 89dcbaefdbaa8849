package import FuzzSupport

/// Readers of what lies beside weights and in their metadata.
package enum ModelsTargets {
  package static let all = [
    config, tokenizerJSON, tokenizerModel, tekken, tokenizerSettings, ggufVocabulary, adapterConfig, quantState,
    layouts, quantizedFolders,
    importanceMatrix, calibration, recipe, modelCard,
  ]
}
