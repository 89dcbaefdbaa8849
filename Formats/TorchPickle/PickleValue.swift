/// A value on the stack of a `PickleMachine`. What has parts is a number in the machine's lists: so no depth of nesting
/// takes depth of calls, and a list may hold itself.
enum PickleValue {
  case none
  case bool(Bool)
  case integer(Int)
  /// A whole number beyond 63 bits, whose value nothing here needs.
  case largeInteger
  case floating(Double)
  case string(String)
  case bytes
  case tuple(Int)
  case list(Int)
  case dictionary(Int)
  case global(PickleGlobal)
  case storage(Int)
  case tensor(Int)
  /// An object of a global that is of no interest.
  case opaque

  /// What messages call it.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a bool"
    case .integer, .largeInteger: "a whole number"
    case .floating: "a number"
    case .string: "a string"
    case .bytes: "bytes"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .global: "a class"
    case .storage: "a storage"
    case .tensor: "a tensor"
    case .opaque: "an object"
    }
  }
}
