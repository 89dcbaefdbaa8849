internal import Bytes
internal import Tensors

// RoPE in a GGUF, as llama.cpp's loader of the llama architecture takes it: yarn's betas and the like are not among the
// keys that it reads there.
extension LlamaFamily {
  /// What cannot be followed is not a failure yet: many jobs leave it as it stands.
  func rope(
    _ reader: MetadataReader, tensors: [TensorDescriptor], values: (String) throws(FileError) -> [Float]?,
    headDimension: Int, contextLength: Int
  ) -> RotaryEmbedding {
    do throws(FileError) {
      /// The values of a tensor that has one for each pair; nil where there is no such tensor.
      func divisors(_ name: String) throws(FileError) -> [Float]? {
        guard let tensor = tensors.first(where: { $0.name == name }) else { return nil }
        guard tensor.elementCount == headDimension / 2, let values = try values(name),
          values.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
          throw FileError(
            .malformed, path: reader.path, subject: name,
            "should be \(headDimension / 2) positive numbers, one for each pair of elements of a head")
        }
        return values
      }
      return try understoodRope(reader, divisors, headDimension: headDimension, contextLength: contextLength)
    } catch {
      return RotaryEmbedding(theta: 10_000, scaling: .notUnderstood(error))
    }
  }

  private func understoodRope(
    _ reader: MetadataReader, _ divisors: (String) throws(FileError) -> [Float]?, headDimension: Int,
    contextLength: Int
  ) throws(FileError) -> RotaryEmbedding {
    let turned = try reader.count("llama.rope.dimension_count", default: headDimension)
    guard turned == headDimension else {
      throw FileError(
        .unsupported, path: reader.path, subject: "llama.rope.dimension_count",
        "turning \(turned) of the \(headDimension) elements of each head is not supported")
    }
    let theta = try reader.positive("llama.rope.freq_base", default: 10_000)
    let factor = try factor(reader)
    let attentionFactor = try reader.positive("llama.rope.scaling.attn_factor", default: 1)
    let original = try reader.optionalCount("llama.rope.scaling.original_context_length") ?? contextLength

    switch try reader.text("llama.rope.scaling.type") ?? "linear" {
    case "none":
      return RotaryEmbedding(
        theta: theta,
        scaling: try divisors(GGUFRoPE.divisorsName).map { .init(divisors: $0, theta: theta) } ?? .none,
        attentionFactor: attentionFactor)
    case "linear":
      let scaling: RotaryEmbedding.Scaling
      if let divisors = try divisors(GGUFRoPE.divisorsName) {
        scaling = .init(divisors: divisors.map { $0 * factor }, theta: theta)
      } else {
        scaling = factor == 1 ? .none : .linear(factor: factor)
      }
      return RotaryEmbedding(theta: theta, scaling: scaling, attentionFactor: attentionFactor)
    case "yarn":
      let yarn = YarnScaling(factor: factor, originalContextLength: original)
      var scaling = RotaryEmbedding.Scaling.yarn(yarn)
      if let divisors = try divisors(GGUFRoPE.divisorsName) {
        let own = yarn.frequencyDivisors(theta: theta, dimension: headDimension)
        scaling = .divisors(zip(own, divisors).map { $0 * $1 })
      }
      return RotaryEmbedding(
        theta: theta, scaling: scaling, attentionFactor: attentionFactor * yarn.usualAttentionFactor)
    case "longrope":
      let none = [Float](repeating: 1, count: headDimension / 2)
      let longRope = LongRopeScaling(
        shortDivisors: (try divisors(GGUFRoPE.shortDivisorsName) ?? none).map { $0 * factor },
        longDivisors: (try divisors(GGUFRoPE.longDivisorsName) ?? none).map { $0 * factor },
        originalContextLength: original)
      return RotaryEmbedding(theta: theta, scaling: .longRope(longRope), attentionFactor: attentionFactor)
    case let other:
      throw FileError(
        .unsupported, path: reader.path, subject: "llama.rope.scaling.type",
        "RoPE of the kind \"\(other)\" is not supported; none, linear, yarn and longrope are")
    }
  }

  /// By what positions are divided; 0 stands for 1. Old files have another key.
  private func factor(_ reader: MetadataReader) throws(FileError) -> Float {
    for key in ["llama.rope.scaling.factor", "llama.rope.scale_linear"] where reader.value(key) != nil {
      return reader.value(key)?.float == 0 ? 1 : try reader.positive(key)
    }
    return 1
  }
}
