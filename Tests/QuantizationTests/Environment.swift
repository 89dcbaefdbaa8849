import Foundation

enum Environment {
  static func value(of name: String) -> String? { ProcessInfo.processInfo.environment[name] }

  static func set(_ value: String, for name: String) { setenv(name, value, 1) }
}
