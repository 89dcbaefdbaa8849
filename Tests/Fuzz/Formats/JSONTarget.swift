internal import FuzzSupport
internal import JSON

extension FormatsTargets {
  static let json = FuzzTarget(
    "json",
    seeds: [
      "Formats/Safetensors/Fixtures/valid/sharded", "Tests/Fixtures/TinyLlama/config.json",
      "Tests/Fixtures/TinyLlama/tokenizer_config.json", "Tests/Fixtures/adapters/plain/adapter_config.json",
    ]
  ) { bytes in
    var skipping = JSONReader(bytes)
    var skipped: JSONError?
    do throws(JSONError) {
      try skipping.skipValue()
      try skipping.finish()
    } catch {
      skipped = error
    }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: bytes)
    } catch {
      try FuzzFinding.unless(skipped?.offset == error.offset, "skipping a value says otherwise: \(error)")
      throw error
    }
    try FuzzFinding.unless(skipped == nil, "what can be read cannot be skipped")
    for pretty in [true, false] {
      let text = try FuzzFinding.ifThrows("cannot be written") { try value.serialized(pretty: pretty) }
      let again = try FuzzFinding.ifThrows("cannot be read again") { try JSONValue(parsing: text) }
      try FuzzFinding.unless(again == value, "the value is another when read again")
      let twice = try FuzzFinding.ifThrows("cannot be written twice") { try again.serialized(pretty: pretty) }
      try FuzzFinding.unless(twice == text, "the text is another when written twice")
    }
  }
}
