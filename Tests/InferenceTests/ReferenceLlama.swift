import TestSupport
import Architectures

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The forward pass of a Llama as the formulas say it: token by token, in Double, no batching and no blocks.
struct ReferenceLlama {
  let configuration: LlamaConfiguration
  let tensors: [String: ArraySource]
  /// Is told of every multiplication: the layer's name and its input.
  var watch: (_ layer: String, _ input: [Double]) -> Void = { _, _ in }

  /// Logits of every position.
  func logits(_ tokens: [Int32]) -> [[Double]] {
    var stream = tokens.map { row("model.embed_tokens.weight", Int($0)) }
    for layer in 0..<configuration.layerCount {
      let prefix = "model.layers.\(layer)."
      let normalized = stream.map { normalize($0, prefix + "input_layernorm.weight") }
      let mixed = attention(normalized, prefix + "self_attn.")
      for position in stream.indices {
        stream[position] = sum(stream[position], linear(mixed[position], prefix + "self_attn.o_proj"))
      }
      for position in stream.indices {
        let x = normalize(stream[position], prefix + "post_attention_layernorm.weight")
        let gate = linear(x, prefix + "mlp.gate_proj")
        let up = linear(x, prefix + "mlp.up_proj")
        let inner = zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
        stream[position] = sum(stream[position], linear(inner, prefix + "mlp.down_proj"))
      }
    }
    let head = tensors["lm_head.weight"] == nil ? "model.embed_tokens" : "lm_head"
    return stream.map { linear(normalize($0, "model.norm.weight"), head) }
  }

  private func attention(_ inputs: [[Double]], _ prefix: String) -> [[Double]] {
    let dimension = configuration.headDimension
    let queries = inputs.map { linear($0, prefix + "q_proj") }
    let keys = inputs.map { linear($0, prefix + "k_proj") }
    let values = inputs.map { linear($0, prefix + "v_proj") }
    return inputs.indices.map { position in
      (0..<configuration.headCount).flatMap { head -> [Double] in
        let shared = head * configuration.keyValueHeadCount / configuration.headCount
        func part(_ vector: [Double], _ head: Int) -> [Double] {
          Array(vector[head * dimension..<(head + 1) * dimension])
        }
        let query = turn(part(queries[position], head), position)
        let oldest = configuration.slidingWindow.map { max(0, position - $0 + 1) } ?? 0
        let scores = (oldest...position).map { past in
          dot(query, turn(part(keys[past], shared), past)) / Double(dimension).squareRoot()
        }
        let weights = scores.map { exp($0) }
        let total = weights.reduce(0, +)
        return (0..<dimension).map { element in
          zip(oldest...position, weights).reduce(0) { result, pair in
            result + pair.1 / total * values[pair.0][shared * dimension + element]
          }
        }
      }
    }
  }

  /// Rotary embedding from its formula: element j and j + d/2 are the parts of a number turned by
  /// position * theta^(-2j/d), slowed down as the scaling says.
  private func turn(_ vector: [Double], _ position: Int) -> [Double] {
    let half = vector.count / 2
    var result = vector
    for pair in 0..<half {
      var frequency = pow(Double(configuration.rope.theta), -Double(2 * pair) / Double(vector.count))
      switch configuration.rope.scaling {
      case .none: break
      case .linear(let factor): frequency /= Double(factor)
      case .llama3(let factor, let low, let high, let original):
        let turns = Double(original) * frequency / (2 * Double.pi)
        let keep = min(1, max(0, (turns - Double(low)) / Double(high - low)))
        frequency *= keep + (1 - keep) / Double(factor)
      case .divisors(let divisors): frequency /= Double(divisors[pair])
      // These are held against transformers: RoPEGoldenTests.
      case .dynamic, .yarn, .longRope, .proportional, .notUnderstood: break
      }
      let angle = Double(position) * frequency
      result[pair] = vector[pair] * cos(angle) - vector[pair + half] * sin(angle)
      result[pair + half] = vector[pair + half] * cos(angle) + vector[pair] * sin(angle)
    }
    return result
  }

  private func normalize(_ vector: [Double], _ weight: String) -> [Double] {
    let meanSquare = dot(vector, vector) / Double(vector.count)
    let scale = 1 / (meanSquare + Double(configuration.normEpsilon)).squareRoot()
    return zip(vector, row(weight, 0)).map { $0 * scale * $1 }
  }

  private func linear(_ input: [Double], _ name: String) -> [Double] {
    guard let weight = tensors[name + ".weight"] else { return [] }
    watch(name, input)
    let bias = tensors[name + ".bias"]
    return (0..<weight.shape[0]).map { output in
      dot(row(name + ".weight", output), input) + (bias.map { Double($0.array[output]) } ?? 0)
    }
  }

  private func row(_ name: String, _ index: Int) -> [Double] {
    guard let tensor = tensors[name], let columns = tensor.shape.last else { return [] }
    return tensor.array[index * columns..<(index + 1) * columns].map(Double.init)
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }
}
