internal import Bytes

/// The tensors of a file with their names: those of the dictionary that was saved, or of one in it.
struct StateDictionary {
  /// In the order of the dictionary.
  private(set) var tensors: [(name: String, tensor: PickledTensor)] = []
  private(set) var remarks: [String] = []

  /// Keys under which programs that save more than weights keep them.
  static let keys = ["state_dict", "model_state_dict", "model", "module"]
  static let maximumNameByteCount = 65_535
  /// Most values that are named in a remark.
  private static let mostNamed = 5

  init(of contents: TorchContents, path: String) throws(FileError) {
    func broken(_ rule: TorchPickleRule, _ message: String, _ code: FileError.Code = .unsupported) -> FileError {
      rule.broken(code, path: path, message)
    }
    let machine = contents.machine
    guard case .dictionary(let top) = contents.root else {
      throw broken(
        .stateDictionary,
        "holds \(contents.root.kind), where a dictionary of tensors is expected; save that of the model: "
          + "torch.save(model.state_dict(), ...)")
    }
    let items = machine.dictionaries[top]
    var chosen = items
    var others: [(key: PickleValue, value: PickleValue)] = []
    let inner = Self.keys.lazy.compactMap { key -> (key: String, number: Int)? in
      for item in items {
        guard case .string(key) = item.key, case .dictionary(let number) = item.value,
          Self.holdsTensor(machine.dictionaries[number])
        else { continue }
        return (key, number)
      }
      return nil
    }.first
    if let inner {
      chosen = machine.dictionaries[inner.number]
      others = items.filter { if case .string(inner.key) = $0.key { false } else { true } }
      remarks.append(
        "the tensors are those under \(FileError.quoted(inner.key))" + (others.isEmpty ? "" : "; left out: ")
          + Self.list(others, machine))
    } else if !Self.holdsTensor(items) {
      throw broken(
        .stateDictionary,
        "holds a dictionary without tensors, neither itself nor under \(Self.keys.joined(separator: ", "))"
          + (items.isEmpty ? "" : "; it has " + Self.list(items, machine)) + "; save the tensors alone: "
          + "torch.save(model.state_dict(), ...)")
    }
    var names: Set<String> = []
    var left: [(key: PickleValue, value: PickleValue)] = []
    for item in chosen {
      guard case .tensor(let number) = item.value else {
        left.append(item)
        continue
      }
      guard case .string(let name) = item.key else {
        throw broken(.tensorName, "a tensor has \(item.key.kind) for a name, where a string is expected", .malformed)
      }
      guard name.utf8.count <= Self.maximumNameByteCount else {
        throw TorchPickleRule.tensorName.broken(
          .unsupported, path: path, subject: name,
          "the name has \(name.utf8.count) bytes; at most \(Self.maximumNameByteCount) are read")
      }
      guard names.insert(name).inserted else {
        throw TorchPickleRule.tensorName.broken(path: path, subject: name, "two tensors have this name")
      }
      tensors.append((name, machine.tensors[number]))
    }
    if !left.isEmpty { remarks.append("values that are no tensors are left out: " + Self.list(left, machine)) }
  }

  private static func holdsTensor(_ items: [(key: PickleValue, value: PickleValue)]) -> Bool {
    items.contains { if case .tensor = $0.value { true } else { false } }
  }

  /// The first values of a dictionary, and how many more there are.
  private static func list(_ items: [(key: PickleValue, value: PickleValue)], _ machine: PickleMachine) -> String {
    let named = items.prefix(mostNamed).map { item in
      let key = if case .string(let key) = item.key { FileError.quoted(key) } else { item.key.kind }
      return "\(key) (\(described(item.value, machine)))"
    }
    let more = items.count - named.count
    return named.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }

  private static func described(_ value: PickleValue, _ machine: PickleMachine) -> String {
    switch value {
    case .integer(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .floating(let value): "\(value)"
    case .string(let text): text.utf8.count <= 40 ? FileError.quoted(text) : "a string of \(text.utf8.count) bytes"
    case .dictionary(let number): "a dictionary of \(machine.dictionaries[number].count)"
    case .list(let number): "a list of \(machine.lists[number].count)"
    default: value.kind
    }
  }
}
