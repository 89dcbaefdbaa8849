internal import CYAML

/// A piece of a YAML text: one value, or the begin or the end of a list or a mapping.
enum YAMLEvent: Equatable {
  /// - isPlain: without quotes, and not a block of text.
  case text(String, isPlain: Bool)
  /// The place of another value.
  case alias
  case beginList
  case beginMapping
  case end

  /// All pieces of `text` in order, as libyaml tells them; nil where it is not YAML.
  static func events(of text: [UInt8]) -> [YAMLEvent]? {
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else { return nil }
    defer { unsafe yaml_parser_delete(&parser) }
    // The parser keeps the address, which holds inside the closure.
    return unsafe text.withUnsafeBufferPointer { bytes in
      unsafe yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
      unsafe yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
      var events: [YAMLEvent] = []
      while true {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(&parser, &event) == 1 else { return nil }
        defer { unsafe yaml_event_delete(&event) }
        switch unsafe event.type {
        case YAML_SCALAR_EVENT:
          let scalar = unsafe event.data.scalar
          let value = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
          let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
          events.append(unsafe .text(String(decoding: value, as: UTF8.self), isPlain: isPlain))
        case YAML_ALIAS_EVENT: events.append(.alias)
        case YAML_SEQUENCE_START_EVENT: events.append(.beginList)
        case YAML_MAPPING_START_EVENT: events.append(.beginMapping)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: events.append(.end)
        // Of several documents the first counts.
        case YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT: return events
        default: break
        }
      }
    }
  }
}
