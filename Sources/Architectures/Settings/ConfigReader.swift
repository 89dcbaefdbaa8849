internal import Bytes
internal import JSON

/// Takes checked values out of a configuration file; errors name the file and the key.
struct ConfigReader: SettingReader {
  let config: JSONValue
  let path: String
  var prefix = ""

  func names(of row: Hyperparameter) -> (names: [String], fallback: Hyperparameter.Default) {
    (row.config, row.configDefault)
  }

  var zeroIsNone: Bool { false }
  func has(_ name: String) -> Bool { config[name].map { !$0.isNull } ?? false }
  func isNull(_ name: String) -> Bool { config[name]?.isNull ?? false }
  func subject(_ name: String) -> String { prefix + name }
  func integer(_ name: String) -> Int? { config[name]?.int }
  func double(_ name: String) -> Double? { config[name]?.double }
  func flagValue(_ name: String) -> Bool? { config[name]?.bool }
  func string(_ name: String) -> String? { config[name]?.string }

  func integers(_ name: String) -> [Int]? { list(name) { $0.int } }
  func flags(_ name: String) -> [Bool]? { list(name) { $0.bool ?? $0.int.map { $0 != 0 } } }
  func strings(_ name: String) -> [String]? { list(name) { $0.string } }

  private func list<Element>(_ name: String, _ element: (JSONValue) -> Element?) -> [Element]? {
    guard let values = config[name]?.array else { return nil }
    let elements = values.compactMap(element)
    return elements.count == values.count ? elements : nil
  }

  /// A reader of the object under that key; nil where it is missing or null.
  func object(_ key: String) throws(FileError) -> ConfigReader? {
    guard let value = config[key], !value.isNull else { return nil }
    guard value.object != nil else { throw malformed(key, "is not an object") }
    return ConfigReader(config: value, path: path, prefix: prefix + key + ".")
  }

  /// - Throws: `FileError` where a setting changes what is computed in a way that is not supported.
  func require(_ key: String, _ allowed: JSONValue..., because reason: String) throws(FileError) {
    guard let value = config[key], !value.isNull, !allowed.contains(value) else { return }
    throw unsupported(key, reason)
  }
}
