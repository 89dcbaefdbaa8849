/// A regular expression for names of tensors, of the small grammar of recipes.
public struct TensorPattern: Sendable {
  private let expression: BoundedExpression

  /// Why a text is none, as the end of a sentence.
  public struct Refusal: Error {
    public let reason: String
  }

  /// - Throws: `Refusal` for what is outside of the grammar.
  public init(_ text: String) throws(Refusal) {
    do throws(BoundedExpression.Refusal) {
      expression = try BoundedExpression(text)
    } catch {
      throw Refusal(reason: error.reason)
    }
  }

  public func isFound(in name: String) -> Bool { expression.isFound(in: name) }
}
