/// Gathers failures, so that a person learns of all of them at once and not of one a run.
public struct FileErrors: Sendable {
  private var failures: [FileError] = []

  /// What was kept.
  public var all: [FileError] { failures }

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

  /// Failures of one kind, in their order: they have the same code, and say the same up to the first number. What was said
  /// twice of one thing counts once.
  public static func kinds(of failures: [FileError]) -> [[FileError]] {
    struct Kind: Hashable {
      let code: FileError.Code
      let message: Substring
    }
    var places: [Kind: Int] = [:]
    var kinds: [[FileError]] = []
    var said: Set<[String?]> = []
    for failure in failures where said.insert([failure.path, failure.subject, failure.message]).inserted {
      let kind = Kind(code: failure.code, message: failure.message.prefix { !$0.isNumber })
      if let place = places[kind] {
        kinds[place].append(failure)
      } else {
        places[kind] = kinds.count
        kinds.append([failure])
      }
    }
    return kinds
  }

  /// - Throws: the first failure that was kept, with the others.
  public func check() throws(FileError) {
    guard let first = failures.first else { return }
    throw first.with(others: Array(failures.dropFirst()))
  }
}
