internal import Architectures

extension LoadedModel {
  /// Bytes that running so many windows of so many tokens takes at most: activations, attention, what each worker decodes
  /// weights into. The weights themselves stay where they are.
  ///
  /// In Double, as a size that a file claims may be too large for Int.
  public func memory(windows: Int, length: Int, workers: Int) -> Double {
    func size(_ count: Int) -> Double { Double(count) }
    let tokens = size(windows) * size(length)
    // What is handed on has half of the positions or all.
    var activations = tokens * (size(hiddenSize) + widths.values.reduce(0) { $0 + size($1) })
    var widest = max(hiddenSize, widths.values.max() ?? 0)
    var (head, rotation, experts) = (0.0, 0.0, 0.0)
    for step in steps {
      switch step {
      case .attend(let attention, _, _, _):
        head = max(
          head, size(length) * (2 * size(attention.headDimension) + size(min(Panel.queries, length))))
        rotation = max(rotation, size(length) * size(attention.headDimension))
      case .mix(let mixture, _, _):
        experts = max(experts, tokens * size(mixture.experts.usedCount) * size(mixture.size))
        widest = max(widest, mixture.size)
      default:
        break
      }
    }
    activations += experts
    let rows = size(Panel.rows(of: .max, columns: widest))
    // Decoded, and encoded in up to as many bytes.
    let panel = 2 * rows * size(widest)
    let block = size(min(Panel.tokens, Int(min(tokens, 1e9))))
    let gate = block * size(2 * Panel.largestRows)
    let gathered = experts == 0 ? 0 : block * size(hiddenSize)
    return 4 * (activations + rotation + size(workers) * (panel + gate + gathered + head))
  }
}
