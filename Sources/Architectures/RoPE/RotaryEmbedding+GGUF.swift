internal import Bytes
internal import Tensors

// RoPE in a GGUF, as llama.cpp's loader of the llama architecture takes it: yarn's betas and the like are not among the
// keys that it reads there.
extension RotaryEmbedding {
  /// What cannot be followed is not a failure yet: many jobs leave it as it stands.
  /// - Parameter dimension: elements of a head that are turned.
  init(_ reader: MetadataReader, dimension headDimension: Int, contextLength: Int, theta: Double = 10_000) {
    do throws(FileError) {
      /// The values of a tensor that has one for each pair; nil where there is no such tensor.
      func divisors(_ name: String) throws(FileError) -> [Float]? {
        guard let tensor = reader.tensors.first(where: { $0.name == name }) else { return nil }
        guard tensor.elementCount == headDimension / 2, let values = try reader.values(name),
          values.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
          throw FileError(
            .malformed, path: reader.path, subject: name,
            "should be \(headDimension / 2) positive numbers, one for each pair of elements of a head")
        }
        return values
      }
      self = try Self.understood(
        reader, divisors, headDimension: headDimension, contextLength: contextLength, usualTheta: theta)
    } catch {
      self.init(theta: 10_000, scaling: .notUnderstood(error))
    }
  }

  private static func understood(
    _ reader: MetadataReader, _ divisors: (String) throws(FileError) -> [Float]?, headDimension: Int,
    contextLength: Int, usualTheta: Double
  ) throws(FileError) -> RotaryEmbedding {
    let turned = try reader.count("rope.dimension_count", default: headDimension)
    guard turned == headDimension else {
      throw reader.unsupported(
        "rope.dimension_count", "turning \(turned) of the \(headDimension) elements of each head is not supported")
    }
    let theta = try reader.positive("rope.freq_base", default: usualTheta)
    let factor = try factor(reader)
    let attentionFactor = try reader.positive("rope.scaling.attn_factor", default: 1)
    let original = try reader.count("rope.scaling.original_context_length", default: contextLength)

    // Two lists of factors say it whatever the type.
    let isLongRope = reader.tensors.contains { $0.name == GGUFRoPE.longDivisorsName }
    switch try isLongRope ? "longrope" : reader.text("rope.scaling.type") ?? "linear" {
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
        .unsupported, path: reader.path, subject: reader.subject("rope.scaling.type"),
        "RoPE of the kind \"\(other)\" is not supported; none, linear, yarn and longrope are")
    }
  }

  /// By what positions are divided; 0 stands for 1. Old files have another key.
  private static func factor(_ reader: MetadataReader) throws(FileError) -> Float {
    for key in ["rope.scaling.factor", "rope.scale_linear"] where reader.has(key) {
      return reader.double(key) == 0 ? 1 : try reader.positive(key)
    }
    return 1
  }
}
