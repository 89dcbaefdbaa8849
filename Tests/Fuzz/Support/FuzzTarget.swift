/// A reader that is given arbitrary bytes. It must refuse them with an error of its own or take them; what it takes, it
/// must be able to write and to read again as the same.
package struct FuzzTarget: Sendable, CustomStringConvertible {
  package let name: String
  /// Files and folders of inputs to begin with, from the checkout's root.
  package let seeds: [String]
  private let read: @Sendable ([UInt8]) throws -> Void

  package var description: String { name }

  /// - Parameter read: reads the bytes. Throws what the reader throws, or a `FuzzFinding`.
  package init(_ name: String, seeds: [String], read: @escaping @Sendable ([UInt8]) throws -> Void) {
    self.name = name
    self.seeds = seeds
    self.read = read
  }

  /// Whether the reader takes the bytes.
  /// - Throws: `FuzzFinding` when it takes them and then contradicts itself.
  @discardableResult
  package func run(_ bytes: [UInt8]) throws(FuzzFinding) -> Bool {
    do {
      try read(bytes)
      return true
    } catch let finding as FuzzFinding {
      throw finding
    } catch {
      // The sentence is a part of the reader: it quotes bytes of the file.
      guard !"\(error)".isEmpty else { throw FuzzFinding("an error says nothing") }
      return false
    }
  }
}

/// What a reader must not do.
package struct FuzzFinding: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }

  /// - Throws: a finding with that description unless `condition` holds.
  package static func unless(_ condition: Bool, _ description: @autoclosure () -> String) throws(FuzzFinding) {
    if !condition { throw FuzzFinding(description()) }
  }

  /// Does what must not fail.
  package static func ifThrows<Result>(_ action: String, _ body: () throws -> Result) throws(FuzzFinding) -> Result {
    do {
      return try body()
    } catch {
      throw FuzzFinding("\(action): \(error)")
    }
  }
}
