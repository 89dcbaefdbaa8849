internal import Bytes
internal import Estimation
internal import Evaluation
internal import JSON

/// An estimate, for people and for programs.
struct EstimateReport {
  let name: String
  let estimate: ModelEstimate

  var tables: [ReportTable] {
    [formTable, contextTable, trainingTable]
  }

  private var request: ModelEstimate.Request { estimate.request }

  private var formTable: ReportTable {
    let fits = request.memory.map { ["Context in \(NumberText.bytes($0))"] } ?? []
    return ReportTable(
      "\(name): \(NumberText.grouped(estimate.parameterCount)) weights",
      columns: ["Type", "Weights", "Bits per weight", "Runs \(NumberText.grouped(estimate.context)) tokens in"] + fits,
      rows: estimate.forms.map { form in
        guard let size = try? form.size.get() else { return [form.name, "-", "", ""] + fits.map { _ in "" } }
        return [
          form.name, NumberText.bytes(size.byteCount), NumberText.fixed(size.bitsPerWeight, 3),
          form.total.map(Self.bytes) ?? "",
        ] + fits.map { _ in form.longestContext.map(NumberText.grouped) ?? "none" }
      })
  }

  private var contextTable: ReportTable {
    ReportTable(
      "Beside the weights, sequences: \(request.batch)", columns: ["Context", "KV cache", "Activations"],
      rows: estimate.contexts.map {
        [NumberText.grouped($0.tokens), Self.bytes($0.cache), Self.bytes($0.activations)]
      })
  }

  private var trainingTable: ReportTable {
    ReportTable(
      "Training, \(NumberText.grouped(estimate.context)) tokens, sequences: \(request.batch)",
      columns: ["Method", "Trained weights", "Memory"],
      rows: estimate.trainings.map {
        [Self.method($0.method, rank: request.rank), Self.count($0.trained), Self.bytes($0.total)]
      })
  }

  private static func method(_ method: MemoryNeeds.Training, rank: Int) -> String {
    method == .full ? method.name : "\(method.name), rank \(rank)"
  }

  /// Why types have no size, each cause once.
  var notes: [String] {
    var notes: [String] = []
    for form in estimate.forms {
      if case .failure(let error) = form.size {
        notes.append("note: not as \(form.name): \(Terminal.sentence(error, isVerbose: false))")
      }
    }
    for (method, error) in estimate.trainingRefusals {
      notes.append("note: no \(method.name): \(Terminal.sentence(error, isVerbose: false))")
    }
    return notes
  }

  static func bytes(_ count: Double) -> String { NumberText.bytes(count) }

  private static func count(_ count: Double) -> String { NumberText.grouped(Int(min(count.rounded(), 9e18))) }

  /// Keys: `model`, `weights`, `context`, `batch`, `types` (`type`, `bytes`, `bits_per_weight`, `total`, `totals`, `longest_context`,
  /// `refusal`), `contexts` (`context`, `kv_cache`, `activations`), `training` (`method`, `trained`, `bytes`), `trained_context`.
  var json: JSONValue {
    var members: [String: JSONValue] = [
      "model": .string(name), "weights": .integer(estimate.parameterCount), "context": .integer(estimate.context),
      "batch": .integer(request.batch), "trained_context": .integer(estimate.needs.contextLength),
      "contexts": .array(
        estimate.contexts.map {
          ["context": .integer($0.tokens), "kv_cache": .number($0.cache), "activations": .number($0.activations)]
        }),
      "training": .array(
        estimate.trainings.map {
          ["method": .string($0.method.rawValue), "trained": .number($0.trained), "bytes": .number($0.total)]
        }),
    ]
    members["memory"] = request.memory.map(JSONValue.integer)
    members["types"] = .array(
      estimate.forms.map { form in
        var entry: [String: JSONValue] = ["type": .string(form.name)]
        switch form.size {
        case .success(let size):
          entry["bytes"] = .integer(size.byteCount)
          entry["bits_per_weight"] = .number(size.bitsPerWeight)
          entry["total"] = form.total.map(JSONValue.number)
          entry["totals"] = .array(form.totals.map(JSONValue.number))
          if request.memory != nil { entry["longest_context"] = form.longestContext.map(JSONValue.integer) ?? .null }
        case .failure(let error): entry["refusal"] = .string(Terminal.sentence(error, isVerbose: false))
        }
        return .object(entry)
      })
    return .object(members)
  }
}
