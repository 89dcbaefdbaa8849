internal import Quantization
internal import Tensors

/// Which types hold the same numbers as others, so that codes are repacked and no value changes.
public enum ExactPairs {
  /// A type, and those that hold what it holds.
  public struct Row: Hashable, Sendable {
    public let source: String
    /// Whatever the values are.
    public let always: [String]
    /// Where scales and zero points allow it, which is looked at for each tensor.
    public let sometimes: [String]
  }

  /// - Parameter layout: the layout that is written; nil for a GGUF.
  public static func rows(into layout: String?) -> [Row] {
    sources.compactMap { source in
      var (always, sometimes) = ([String](), [String]())
      for target in targets(into: layout, source.form) where target.name != source.name {
        // Rows of any length that both can have.
        guard
          let conversion = GroupConversion(
            from: source.form, to: target.target, columns: 128 * max(1, source.form.columns))
        else { continue }
        if conversion.isCertain { always.append(target.name) } else { sometimes.append(target.name) }
      }
      sometimes.removeAll { always.contains($0) }
      return always.isEmpty && sometimes.isEmpty
        ? nil : Row(source: source.name, always: unique(always), sometimes: unique(sometimes))
    }
  }

  private static func unique(_ names: [String]) -> [String] {
    names.enumerated().filter { names.firstIndex(of: $1) == $0 }.map(\.1)
  }

  private static let blocks = GroupedBlocks.names.compactMap(GroupedBlocks.named)

  /// Each type of each layout, with the scales that it usually has.
  private static let sources: [(name: String, form: GroupForm)] =
    blocks.map { ($0.name, GroupForm($0)) }
    + WeightLayouts.grouped.filter { !($0 is LLMInt8Layout) }.flatMap { layout in
      layout.types.map { type in
        let target = layout.target(type, element: layout.scaleElements.first ?? .f16)
        return (
          "\(layout.key) \(type.name)",
          GroupForm(
            levels: target.levels, offset: target.offset, columns: max(1, target.extent.columns), scales: target.scales,
            factor: target.factor, zero: target.zero)
        )
      }
    }

  private static func targets(into layout: String?, _ form: GroupForm) -> [(name: String, target: GroupTarget)] {
    guard let layout = layout.flatMap(WeightLayouts.writing) else {
      return blocks.map { ($0.name, GroupTarget($0)) }
    }
    let elements = layout.scaleElements.isEmpty ? [Encoding.f32] : layout.scaleElements
    return layout.types(holding: form).flatMap { type in
      elements.map { ("\(layout.key) \(type.name)", layout.target(type, element: $0)) }
    }
  }
}
