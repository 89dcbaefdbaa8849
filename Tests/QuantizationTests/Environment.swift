import Foundation

enum Environment {
  static func value(of name: String) -> String? { ProcessInfo.processInfo.environment[name] }
}
