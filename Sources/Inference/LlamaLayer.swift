/// One layer of a Llama: attention, then the gated feed-forward network, each after a normalization and added to the
/// residual stream.
struct LlamaLayer: Sendable {
  /// `hidden` values.
  let attentionNorm: [Float]
  let query: LinearLayer
  let key: LinearLayer
  let value: LinearLayer
  let output: LinearLayer
  /// `hidden` values.
  let feedForwardNorm: [Float]
  let gate: LinearLayer
  let up: LinearLayer
  let down: LinearLayer
}
