internal import Bytes

/// Carries out the operations of a pickle that are on the list in `SPEC.md`. They put together numbers, strings, tuples,
/// lists, dictionaries, and descriptions of storages and tensors; nothing is called, and what would be is refused.
///
/// Source: Python's `pickletools`, which says what each operation does.
struct PickleMachine {
  /// How a file names storages.
  enum Form { case zip, legacy }

  private(set) var tuples: [[PickleValue]] = [[]]
  private(set) var lists: [[PickleValue]] = []
  private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  private(set) var storages: [PickledStorage] = []
  private(set) var tensors: [PickledTensor] = []

  private var bytes: PickleBytes
  private let form: Form
  private var stack: [PickleValue] = []
  /// Heights of the stack at the marks that are on it.
  private var marks: [Int] = []
  private var memo: [PickleValue?] = []
  private var itemCount = 0
  private var storageNumbers: [String: Int] = [:]
  private var viewNumbers: [String: Int] = [:]
  /// Where the operation begins that is carried out.
  private var place = 0

  static let maximumByteCount = 100_000_000
  static let maximumStackCount = 1 << 20
  static let maximumMemoCount = 1 << 22
  static let maximumItemCount = 1 << 22
  static let maximumStringByteCount = 1 << 20
  static let maximumTensorCount = 1 << 17
  private static let maximumGlobalByteCount = 1024

  /// - Parameters:
  ///   - start: where the pickle begins.
  ///   - end: where it has to end, at the latest.
  init(_ source: any ByteSource, at start: Int, end: Int, form: Form) {
    bytes = PickleBytes(source, at: start, end: min(end, start + min(Self.maximumByteCount, end - start)))
    self.form = form
  }

  /// Where the next pickle begins.
  var offset: Int { bytes.offset }

  /// An error at the operation that is carried out.
  func broken(
    _ rule: TorchPickleRule, _ message: String, subject: String? = nil, code: FileError.Code = .malformed
  ) -> FileError {
    rule.broken(code, path: bytes.source.path, subject: subject, at: place, message)
  }

  /// Carries out one pickle, and leaves what it has put together.
  mutating func run() throws(FileError) -> PickleValue {
    stack = []
    marks = []
    memo = []
    while true {
      place = bytes.offset
      let code = try bytes.byte()
      guard let operation = PickleOperation(rawValue: code) else {
        throw broken(
          .operation,
          "the pickle has the operation \(PickleOperation.otherNames[code] ?? "\(code)"), which files of weights do not "
            + "need; load it with torch where you trust the file, and save the tensors alone: "
            + "torch.save(model.state_dict(), ...)", code: .unsupported)
      }
      if operation == .stop {
        let value = try pop()
        guard stack.isEmpty, marks.isEmpty else {
          throw broken(.stack, "the pickle ends with values left on its stack")
        }
        return value
      }
      try carryOut(operation)
      guard stack.count <= Self.maximumStackCount, marks.count <= Self.maximumStackCount else {
        throw broken(
          .stack, "more than \(Self.maximumStackCount) values are on the pickle's stack", code: .unsupported)
      }
    }
  }

  private mutating func carryOut(_ operation: PickleOperation) throws(FileError) {
    switch operation {
    case .proto:
      let version = try bytes.byte()
      guard (2...5).contains(version) else {
        throw broken(.operation, "the pickle has version \(version); 2 to 5 are read", code: .unsupported)
      }
    case .frame: try bytes.skip(8)
    case .stop: break
    case .mark: marks.append(stack.count)
    // Values.
    case .none: stack.append(.none)
    case .newTrue: stack.append(.bool(true))
    case .newFalse: stack.append(.bool(false))
    case .binInt: stack.append(.integer(Int(Int32(truncatingIfNeeded: try bytes.number(4)))))
    case .binInt1: stack.append(.integer(Int(try bytes.number(1))))
    case .binInt2: stack.append(.integer(Int(try bytes.number(2))))
    case .long1: try pushLong(Int(try bytes.byte()))
    case .binFloat: stack.append(.floating(Double(bitPattern: try bytes.number(8).byteSwapped)))
    case .binUnicode, .binString: try pushString(try bytes.number(4))
    case .shortBinUnicode, .shortBinString: try pushString(try bytes.number(1))
    case .binUnicode8: try pushString(try bytes.number(8))
    case .binBytes: try pushBytes(try bytes.number(4))
    case .shortBinBytes: try pushBytes(try bytes.number(1))
    case .binBytes8: try pushBytes(try bytes.number(8))
    // Containers.
    case .emptyTuple: stack.append(.tuple(0))
    case .tuple1: try pushTuple(of: 1)
    case .tuple2: try pushTuple(of: 2)
    case .tuple3: try pushTuple(of: 3)
    case .tuple: try pushTuple(of: try countToMark())
    case .emptyList:
      lists.append([])
      try count(items: 1)
      stack.append(.list(lists.count - 1))
    case .emptyDict: try pushDictionary()
    case .append: try append(1)
    case .appends: try append(try countToMark())
    case .setItem: try setItems(2)
    case .setItems: try setItems(try countToMark())
    // The memo.
    case .binPut: try put(try bytes.number(1))
    case .longBinPut: try put(try bytes.number(4))
    case .memoize: try put(UInt64(memo.count))
    case .binGet: try get(try bytes.number(1))
    case .longBinGet: try get(try bytes.number(4))
    // Objects.
    case .global: try pushGlobal()
    case .stackGlobal: try pushStackGlobal()
    case .reduce: try reduce()
    case .build: try build()
    case .binPersID: try pushStorage()
    }
  }

  // MARK: - The stack

  private mutating func pop() throws(FileError) -> PickleValue {
    guard stack.count > marks.last ?? 0, let value = stack.popLast() else {
      throw broken(.stack, "the pickle takes a value from its stack where there is none")
    }
    return value
  }

  /// The last `count` values above the mark.
  private mutating func pop(_ count: Int) throws(FileError) -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else {
      throw broken(.stack, "the pickle takes more values from its stack than there are")
    }
    // Not as a slice, which would make the stack be copied.
    let values = Array(stack.suffix(count))
    stack.removeLast(count)
    return values
  }

  /// How many values are above the mark, which is taken away.
  private mutating func countToMark() throws(FileError) -> Int {
    guard let mark = marks.popLast() else { throw broken(.stack, "the pickle goes back to a mark where there is none") }
    return stack.count - mark
  }

  private mutating func count(items: Int) throws(FileError) {
    itemCount += items
    guard itemCount <= Self.maximumItemCount else {
      throw broken(
        .container, "the pickle has more than \(Self.maximumItemCount) values in tuples, lists and dictionaries",
        code: .unsupported)
    }
  }

  // MARK: - Values

  private mutating func pushLong(_ count: Int) throws(FileError) {
    guard count <= 8 else {
      _ = try bytes.bytes(count)
      stack.append(.largeInteger)
      return
    }
    let value = try bytes.number(count)
    let unused = 64 - 8 * count
    stack.append(.integer(count == 0 ? 0 : Int(Int64(bitPattern: value << UInt64(unused)) >> Int64(unused))))
  }

  private mutating func pushString(_ count: UInt64) throws(FileError) {
    guard count <= UInt64(Self.maximumStringByteCount) else {
      throw broken(
        .string, "the pickle has a string of \(count) bytes; at most \(Self.maximumStringByteCount) are read",
        code: .unsupported)
    }
    guard let text = String(validating: try bytes.bytes(Int(count)), as: UTF8.self) else {
      throw broken(.string, "the pickle has a string that is not UTF-8")
    }
    guard StreamSafeText.holds(text) else {
      throw broken(
        .string, "the pickle has a string with a character of more than \(StreamSafeText.mostMarks) marks",
        code: .unsupported)
    }
    stack.append(.string(text))
  }

  private mutating func pushBytes(_ count: UInt64) throws(FileError) {
    guard let count = Int(exactly: count) else {
      throw broken(.string, "the pickle has \(count) bytes in a row")
    }
    try bytes.skip(count)
    stack.append(.bytes)
  }

  // MARK: - Containers

  private mutating func pushTuple(of count: Int) throws(FileError) {
    guard count > 0 else {
      stack.append(.tuple(0))
      return
    }
    let values = try pop(count)
    try self.count(items: count)
    tuples.append(values)
    stack.append(.tuple(tuples.count - 1))
  }

  private mutating func pushDictionary(_ items: [(key: PickleValue, value: PickleValue)] = []) throws(FileError) {
    try count(items: 1 + 2 * items.count)
    dictionaries.append(items)
    stack.append(.dictionary(dictionaries.count - 1))
  }

  private mutating func append(_ count: Int) throws(FileError) {
    let values = try pop(count)
    guard stack.count > marks.last ?? 0, case .list(let list)? = stack.last else {
      throw broken(.container, "the pickle appends to \(stack.last?.kind ?? "nothing"), where a list is expected")
    }
    try self.count(items: count)
    lists[list] += values
  }

  private mutating func setItems(_ count: Int) throws(FileError) {
    let values = try pop(count)
    guard stack.count > marks.last ?? 0, case .dictionary(let dictionary)? = stack.last else {
      throw broken(
        .container, "the pickle sets items of \(stack.last?.kind ?? "nothing"), where a dictionary is expected")
    }
    guard count.isMultiple(of: 2) else { throw broken(.container, "the pickle sets an item without a value") }
    try self.count(items: count)
    for index in stride(from: 0, to: count, by: 2) {
      dictionaries[dictionary].append((values[index], values[index + 1]))
    }
  }

  // MARK: - The memo

  private mutating func put(_ number: UInt64) throws(FileError) {
    guard let value = stack.last, stack.count > marks.last ?? 0 else {
      throw broken(.stack, "the pickle remembers a value where there is none")
    }
    guard number < UInt64(Self.maximumMemoCount) else {
      throw broken(.memo, "the pickle remembers more than \(Self.maximumMemoCount) values", code: .unsupported)
    }
    // Picklers count from 0, an old one from 1.
    guard number <= UInt64(memo.count) + (memo.isEmpty ? 1 : 0) else {
      throw broken(.memo, "the pickle remembers a value as number \(number), but has remembered \(memo.count) so far")
    }
    if number > UInt64(memo.count) { memo.append(nil) }
    if number == UInt64(memo.count) { memo.append(value) } else { memo[Int(number)] = value }
  }

  private mutating func get(_ number: UInt64) throws(FileError) {
    guard number < UInt64(memo.count), let value = memo[Int(number)] else {
      throw broken(.memo, "the pickle asks for value \(number), but has remembered \(memo.count)")
    }
    stack.append(value)
  }

  // MARK: - Objects

  private mutating func pushGlobal() throws(FileError) {
    var names: [String] = []
    for _ in 0..<2 {
      guard let line = try bytes.line(most: Self.maximumGlobalByteCount),
        let name = String(validating: line, as: UTF8.self)
      else { throw broken(.global, "the name of a class or function is too long, or no text") }
      names.append(name)
    }
    try pushGlobal(module: names[0], name: names[1])
  }

  private mutating func pushStackGlobal() throws(FileError) {
    let values = try pop(2)
    guard case .string(let module) = values[0], case .string(let name) = values[1],
      module.utf8.count + name.utf8.count <= 2 * Self.maximumGlobalByteCount
    else { throw broken(.global, "the name of a class or function is too long, or no text") }
    try pushGlobal(module: module, name: name)
  }

  private mutating func pushGlobal(module: String, name: String) throws(FileError) {
    guard let global = PickleGlobal(module: module, name: name) else {
      throw broken(
        .global, PickleGlobal.refusal(module: module, name: name), subject: "\(module).\(name)", code: .unsupported)
    }
    stack.append(.global(global))
  }

  private mutating func reduce() throws(FileError) {
    let (argument, function) = (try pop(), try pop())
    guard case .tuple(let number) = argument, case .global(let global) = function else {
      throw broken(
        .call,
        "the pickle calls \(function.kind) with \(argument.kind); what is called is a class or function, "
          + "with a tuple")
    }
    let arguments = tuples[number]
    switch global {
    case .orderedDictionary: try pushDictionary(try pairs(arguments))
    case .size:
      guard arguments.count == 1, case .tuple = arguments[0] else {
        throw broken(.call, "torch.Size is made of something else than a tuple")
      }
      stack.append(arguments[0])
    case .word: stack.append(.opaque)
    case .tensor(let version): try pushTensor(arguments, version)
    case .parameter(let hasState):
      guard arguments.count == (hasState ? 4 : 3), case .tensor = arguments[0] else {
        throw broken(.call, "a parameter is made of something else than a tensor")
      }
      stack.append(arguments[0])
    case .otherTensor(let sentence): try pushTensor(.other(sentence))
    case .elementType, .storage:
      throw broken(.call, "the pickle calls the name of an element type, which is no function")
    }
  }

  /// What an ordered dictionary is made of: nothing, or pairs.
  private func pairs(_ arguments: [PickleValue]) throws(FileError) -> [(key: PickleValue, value: PickleValue)] {
    guard let argument = arguments.first else { return [] }
    var items: [(key: PickleValue, value: PickleValue)] = []
    let wrong = "an ordered dictionary is made of something else than pairs"
    guard arguments.count == 1, let values = elements(of: argument) else { throw broken(.call, wrong) }
    for value in values {
      guard let pair = elements(of: value), pair.count == 2 else { throw broken(.call, wrong) }
      items.append((pair[0], pair[1]))
    }
    return items
  }

  /// What is in a tuple or list; nil for anything else.
  func elements(of value: PickleValue) -> [PickleValue]? {
    switch value {
    case .tuple(let number): tuples[number]
    case .list(let number): lists[number]
    default: nil
    }
  }

  private mutating func pushTensor(_ arguments: [PickleValue], _ version: Int) throws(FileError) {
    // Behind the strides: whether gradients are wanted, hooks, for version 3 the element type, and perhaps more.
    let counts = version == 1 ? 4...4 : version == 2 ? 6...7 : 7...8
    guard counts.contains(arguments.count), case .storage(let storage) = arguments[0],
      case .integer(let offset) = arguments[1]
    else { throw broken(.call, "a tensor is made of something else than a storage, an offset, sizes and strides") }
    var elementType: TorchElementType?
    if version == 3 {
      guard case .global(.elementType(let type)) = arguments[6] else {
        throw broken(.call, "a tensor's element type is \(arguments[6].kind)")
      }
      elementType = type
    }
    let metadata = arguments.count == counts.upperBound && version > 1 ? arguments[counts.upperBound - 1] : .none
    try pushTensor(
      .view(
        storage: storage, offset: offset, sizes: arguments[2], strides: arguments[3], elementType: elementType,
        metadata: metadata))
  }

  private mutating func pushTensor(_ tensor: PickledTensor) throws(FileError) {
    guard tensors.count < Self.maximumTensorCount else {
      throw broken(.totals, "the file has more than \(Self.maximumTensorCount) tensors", code: .unsupported)
    }
    tensors.append(tensor)
    stack.append(.tensor(tensors.count - 1))
  }

  /// Attributes of an object: those of a dictionary (`_metadata`, the versions of modules) are read over.
  private mutating func build() throws(FileError) {
    _ = try pop()
    guard stack.count > marks.last ?? 0, case .dictionary? = stack.last else {
      throw broken(
        .call, "the pickle sets attributes of \(stack.last?.kind ?? "nothing"), where a dictionary is expected")
    }
  }

  // MARK: - Storages

  private mutating func pushStorage() throws(FileError) {
    let wrong = "the pickle names a storage by something else than its type, key, device and length"
    guard case .tuple(let number) = try pop() else { throw broken(.persistentID, wrong) }
    let parts = tuples[number]
    if case .string("module")? = parts.first {
      throw broken(
        .global, PickleGlobal.refusal(module: "torch.nn", name: ""), code: .unsupported)
    }
    guard parts.count == (form == .zip ? 5 : 6), case .string("storage") = parts[0],
      case .global(.storage(let type)) = parts[1], case .string(let key) = parts[2],
      case .string(let device) = parts[3], case .integer(let count) = parts[4], count >= 0
    else { throw broken(.persistentID, wrong) }
    let isMeta = device == "meta"
    let whole = PickledStorage(
      key: key, elementType: type, wholeCount: count, elements: 0..<count, isMeta: isMeta)
    let root = try storage(whole, named: key, in: \.storageNumbers)
    guard form == .legacy, case .tuple(let view) = parts[5] else {
      if form == .legacy, case .none = parts[5] {} else if form == .legacy { throw broken(.persistentID, wrong) }
      stack.append(.storage(root))
      return
    }
    let part = tuples[view]
    guard part.count == 3, case .string(let viewKey) = part[0], case .integer(let offset) = part[1],
      case .integer(let length) = part[2], offset >= 0, length >= 0, offset <= count, length <= count - offset
    else { throw broken(.persistentID, "a part of the storage \(FileError.quoted(key)) does not lie in it") }
    let partStorage = PickledStorage(
      key: key, elementType: type, wholeCount: count, elements: offset..<offset + length, isMeta: isMeta)
    stack.append(.storage(try storage(partStorage, named: viewKey, in: \.viewNumbers)))
  }

  /// The number of a storage, which has been named before or not.
  private mutating func storage(
    _ storage: PickledStorage, named name: String, in numbers: WritableKeyPath<PickleMachine, [String: Int]>
  ) throws(FileError) -> Int {
    if let number = self[keyPath: numbers][name] {
      guard storages[number] == storage else {
        throw broken(
          .persistentID, "the storage \(FileError.quoted(name)) is named twice, with another type, device or length")
      }
      return number
    }
    guard storages.count < Self.maximumTensorCount else {
      throw broken(.totals, "the file has more than \(Self.maximumTensorCount) storages", code: .unsupported)
    }
    self[keyPath: numbers][name] = storages.count
    storages.append(storage)
    return storages.count - 1
  }
}
