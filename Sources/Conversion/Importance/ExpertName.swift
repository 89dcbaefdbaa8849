/// What a weight of one expert is called where inputs are collected: the name of the stored tensor, which may be a stack of
/// all, and the expert's number.
public struct ExpertName: Hashable, Sendable, CustomStringConvertible {
  public var weight: String
  public var number: Int
  public var count: Int

  public init(weight: String, number: Int, count: Int) {
    self.weight = weight
    self.number = number
    self.count = count
  }

  /// - Parameter description: as `description` gives it; nil for the name of another weight.
  public init?(_ description: String) {
    guard let mark = description.lastIndex(of: "@") else { return nil }
    let parts = description[description.index(after: mark)...].split(separator: "/").compactMap { Int($0) }
    guard parts.count == 2, parts[0] >= 0, parts[0] < parts[1] else { return nil }
    self.init(weight: String(description[..<mark]), number: parts[0], count: parts[1])
  }

  public var description: String { "\(weight)@\(number)/\(count)" }
}
