/// Gathers failures, so that a person learns of all of them at once and not of one a run.
public struct FileErrors: Sendable {
  private var failures: [FileError] = []

  public init() {}

  /// The result of `body`; nil where it fails, which is kept.
  @discardableResult
  public mutating func attempt<Result>(_ body: () throws(FileError) -> Result) -> Result? {
    do throws(FileError) {
      return try body()
    } catch {
      failures.append(error)
      return nil
    }
  }

  /// The result of `body`, the last thing that is tried.
  /// - Throws: the first failure that was kept, with the others and that of `body`.
  public func finish<Result>(_ body: () throws(FileError) -> Result) throws(FileError) -> Result {
    var all = self
    let result: Result
    do throws(FileError) {
      result = try body()
    } catch {
      all.failures.append(error)
      throw all.failures[0].with(others: Array(all.failures.dropFirst()))
    }
    try check()
    return result
  }

  /// Those of many failures to tell where a few must do: the first of each kind, then others as far as there is room,
  /// in their order. What a failure says up to the first number tells its kind.
  public static func telling(_ failures: [FileError], atMost count: Int) -> [FileError] {
    struct Kind: Hashable {
      let code: FileError.Code
      let message: Substring
    }
    var kinds: Set<Kind> = []
    let isFirst = failures.map { failure in
      kinds.insert(Kind(code: failure.code, message: failure.message.prefix { !$0.isNumber })).inserted
    }
    let chosen = failures.indices.filter { isFirst[$0] } + failures.indices.filter { !isFirst[$0] }
    return chosen.prefix(count).sorted().map { failures[$0] }
  }

  /// - Throws: the first failure that was kept, with the others.
  public func check() throws(FileError) {
    guard let first = failures.first else { return }
    throw first.with(others: Array(failures.dropFirst()))
  }
}
