/// Rows and columns that share a scale; 0 is all of the tensor's.
public struct GroupExtent: Hashable, Sendable {
  public var rows: Int
  public var columns: Int

  public init(rows: Int = 1, columns: Int) {
    precondition(rows >= 0 && columns >= 0)
    self.rows = rows
    self.columns = columns
  }
}
