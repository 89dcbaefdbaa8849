public import Quantization

/// What is asked of a layout, where it is more than its name.
public struct GroupRequest: Sendable {
  /// The layout's name on the command line.
  public let layout: String
  /// nil for what the layout usually has.
  public let extent: GroupExtent?
  public let isSymmetric: Bool?

  public init(layout: String, extent: GroupExtent? = nil, isSymmetric: Bool? = nil) {
    self.layout = layout
    self.extent = extent
    self.isSymmetric = isSymmetric
  }

  /// Why there is no such type.
  public enum Refusal: Error, Hashable, Sendable {
    case noSuchLayout
    /// The types that the layout has.
    case noSuchType([String])
    /// What the type can have.
    case noSuchGroups(String)
  }

  /// Names of the layouts that can be written.
  public static var layouts: [String] { WeightLayouts.grouped.map(\.key) }

  /// Names of the types of a layout, the usual one first.
  public var typeNames: [String] { WeightLayouts.writing(layout).map(Self.typeNames) ?? [] }

  private static func typeNames(_ layout: any GroupWritingLayout) -> [String] {
    var names = layout is LLMInt8Layout ? BlockwiseLayout.publicTypeNames : []
    for type in layout.types where !names.contains(type.name) { names.append(type.name) }
    return names
  }

  /// The type of that name.
  public func type(named name: String) throws(Refusal) -> TargetType {
    guard let layout = WeightLayouts.writing(layout) else { throw .noSuchLayout }
    guard let usual = layout.types.first(where: { $0.name == name.lowercased() }) else {
      throw .noSuchType(typeNames)
    }
    let type = GroupType(
      layout: layout.key, name: usual.name, extent: extent ?? usual.extent,
      isSymmetric: isSymmetric ?? usual.isSymmetric)
    guard layout.has(type) else { throw .noSuchGroups(layout.groups(of: usual)) }
    return TargetType(groups: type)
  }
}
