internal import Allocation
internal import ArgumentParser
internal import Bytes
internal import Calibration
internal import Conversion
internal import Evaluation
internal import JSON

struct QuantizeCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Write a model with its weights in fewer bits.",
    discussion: """
      TYPES
        nf4 fp4 int4 int8
            Blocks of --block-size with a scale each, as bitsandbytes has them, for
            every linear layer but the head. Folders of nf4 and fp4 open in
            transformers; int4 and int8 are Decant's own (int8 is not LLM.int8).
            In a GGUF only Decant reads any of the four.
        q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q2_k_s q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m
        q5_k_s q5_k_m q6_k iq4_nl iq4_xs q1_0 q2_0 tq1_0 tq2_0 mxfp4_moe
            llama-quantize's mixes, for llama.cpp and what builds on it: the
            type of the name for most weights, others for some. q3_k, q4_k and
            q5_k are the _m ones. With --pure every weight has the one type.
        mxfp4 nvfp4
            ggml types that no mix is named for: every weight has it.
        f32 f16 bf16
            Element types, mostly for --tensor-type.

      LAYOUTS
        With --layout the folder is spelled as another library's, with the codes
        of that library's own rounding, and opens there:
          bitsandbytes        nf4 fp4, int8 (LLM.int8)
          mlx                 int2 ... int8, mxfp4 mxfp8 nvfp4; mlx-lm's recipes
                              mixed_2_6 mixed_3_4 mixed_3_6 mixed_4_6
          gptq                int4 int8
          awq                 int4
          compressed-tensors  int4 int8 fp8 nvfp4 mxfp4 mxfp8
          fp8                 fp8, by blocks of 128x128, row or tensor
          modelopt            nvfp4
          mxfp4               mxfp4, the experts of gpt-oss
        --group-size and --symmetric choose groups. Weights that are quantized
        already, in codes that the type can hold, are repacked and not rounded.

      Rows that no block of a type fits get a type with smaller blocks, or f16. The
      types below 4 bits lose much less with --imatrix; q2_k_s needs it, or a
      calibration. Types of levels and scales lose less still with --calibration,
      which decant calibrate makes: the output is measured beside that of the type's
      own encoder, and the better one is kept.

      SEVERAL TYPES
        --type q4_k_m,q6_k,q8_0 makes an output of each, with {type} in its name,
        from one reading of the model; each has the bytes that it has by itself.
        --verify compares all of them in one table.

      A TYPE FOR EACH TENSOR
        --target-size, --target-bpw and --target-kl stand in place of --type. Each
        tensor is encoded with each of --types, to see what that costs; bytes go
        where they take most damage away; the result is measured beside
        llama-quantize's mix of that size, and the better one is taken. With
        --calibration costs are those of the predictions; without, they go by errors
        of weights and by what tensors of each kind do together.

      \(PlanReport.keysWithVerification)

      EXAMPLES
        decant quantize Llama-3.2-1B/ llama-q8_0.gguf --type q8_0
        decant quantize Llama-3.2-1B/ Llama-nf4/ --type nf4 --verify text.txt
        decant quantize Llama-3.2-1B/ llama.gguf --type q4_k_m --imatrix im.gguf
        decant quantize Llama-3.2-1B/ Llama-nf4/ --type nf4 \\
            --calibration l.calibration
        decant quantize Llama-3.2-1B/ llama.gguf --target-size 800MB \\
            --calibration l.calibration --save-recipe 800MB.json
        decant quantize Llama-3.2-1B/ 'llama-{type}.gguf' --type q4_k_m,q6_k,q8_0 \\
            --verify text.txt
        decant quantize Llama-3.1-405B/ llama.gguf --type q4_k_m --part 3/16
        decant assemble llama.gguf                       when all 16 are there
        decant quantize Llama-3.2-1B/ Llama-mlx/ --layout mlx --type int4
        decant quantize Llama-3.2-1B/ Llama-gptq/ --layout gptq --type int4 \\
            --group-size 32
        decant quantize Llama-3.2-1B/ llama.gguf --type q4_0 --pure \\
            --tensor-type 'token_embd|^output=q8_0'
      """)

  @Argument(help: "Model to read: a file or a folder.", completion: .file(), transform: InputPath.model)
  var input: String

  @Argument(
    help: "File or folder to write; {type} in it stands for the name of the type.", completion: .file(),
    transform: OutputPath.checked)
  var output: String

  @Option(
    name: .shortAndLong, help: "Type of the quantized tensors; several with commas between.",
    completion: .list(TypeNames.completed))
  var type: String?

  @Option(
    help: ArgumentHelp("Measure what it cost: compare before and after on this text.", valueName: "file"),
    completion: .file(), transform: InputPath.file)
  var verify: String?

  @Flag(help: "Calibrate the model first, as decant calibrate does, for this output only.")
  var calibrate = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("With --calibrate: texts to read, each of another kind.", valueName: "file ..."),
    completion: .file(), transform: InputPath.file)
  var text: [String] = []

  @Flag(
    inversion: .prefixedNo,
    help: "Calibrated: measure the output and that of the types' own encoders on text held back.")
  var measure = true

  @Flag(help: "Calibrated: keep the output even where it measures worse than that of the types' own encoders.")
  var keepWorse = false

  @OptionGroup(title: "Types") var types: TypeOptions
  @OptionGroup(title: "A type for each tensor, in place of --type") var targets: TargetOptions
  @OptionGroup(title: "GGUF") var gguf: GGUFOptions
  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Output") var outputOptions: OutputOptions
  @OptionGroup(title: "Measuring, with --verify; --tokenizer and --memory with --calibrate too") var measuring:
    MeasuringOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    try checkTypes()
    try outputOptions.checkPart([
      ("--verify", verify != nil), ("--calibrate", calibrate),
      ("--target-size, --target-bpw or --target-kl", targets.target != nil),
      ("Measuring what --calibration makes, which --no-measure leaves out,", types.calibration != nil && measure),
    ])
    try measuring.checkUse(
      isMeasuring: verify != nil, calibrates: calibrate,
      searches: targets.target != nil && types.calibration == nil && measure,
      talk)
    if !calibrate, !text.isEmpty { throw ValidationError("--text changes nothing without --calibrate.") }
    if calibrate, types.calibration != nil {
      throw ValidationError("--calibrate makes the calibration that --calibration names; leave one of them out.")
    }
    if calibrate, types.imatrix != nil {
      throw ValidationError("--calibrate makes an importance matrix too; leave --imatrix out.")
    }
    if types.calibration == nil, !calibrate {
      if !measure, targets.target == nil {
        throw ValidationError("--no-measure changes nothing without --calibration or --calibrate.")
      }
      if !measure, targets.targetKl != nil {
        throw ValidationError("--target-kl is measured; without --calibration nothing else tells what is lost.")
      }
      if keepWorse { throw ValidationError("--keep-worse changes nothing without --calibration or --calibrate.") }
    } else if keepWorse, !measure {
      throw ValidationError("--keep-worse changes nothing with --no-measure: nothing is found to be worse.")
    }
  }

  /// Types are said in one way.
  private func checkTypes() throws {
    if let type {
      let names = typeNames
      if names.contains("") {
        throw ValidationError("--type \(type): a name is missing beside a comma.")
      }
      let hasPlace = output.contains(Self.place)
      if names.count > 1 {
        guard hasPlace else {
          throw ValidationError(
            "--type \(type): several types make several outputs; put \(Self.place) into the output's name, such as model-{type}.gguf."
          )
        }
        if let twice = Dictionary(grouping: names, by: { $0.lowercased() }).first(where: { $0.value.count > 1 }) {
          throw ValidationError("--type \(type): \(twice.value[0]) is there twice.")
        }
        if calibrate || types.calibration != nil {
          throw ValidationError(
            "--\(calibrate ? "calibrate" : "calibration") is for one type at a time: its output is measured beside that of the type's "
              + "own encoder; calibrate once with decant calibrate, and give --calibration with each type.")
        }
      }
      if targets.isUsed { throw ValidationError("--type and \(targets.optionName) both say which types tensors get.") }
      return try types.checkUse(with: names, isCalibrated: calibrate)
    }
    if output.contains(Self.place) {
      throw ValidationError("\(Self.place) in the output's name stands for the name of --type, which is not given.")
    }
    guard targets.isUsed else {
      throw ValidationError(
        "Say which type the weights get with --type, or what they may take or lose with --target-size, --target-bpw or --target-kl."
      )
    }
    if types.pure { throw ValidationError("--pure changes nothing with \(targets.optionName).") }
    if targets.saveRecipe != nil, outputOptions.dryRun {
      throw ValidationError("--save-recipe writes a file, and --dry-run writes nothing.")
    }
  }

  /// What stands for the type in the name of an output.
  static let place = "{type}"

  /// The types of several outputs, or of the only one.
  private var typeNames: [String] {
    type.map { $0.split(separator: ",", omittingEmptySubsequences: false).map { String($0.trimmingPrefix(" ")) } } ?? []
  }

  private func path(of type: String) -> String { output.replacing(Self.place, with: type.lowercased()) }

  /// The only output.
  private var outputPath: String { type.map(path) ?? output }

  private func ruledRecipe(for type: String, _ checkpoint: Checkpoint) throws -> Recipe {
    gguf.applied(to: try types.completed(try types.ruled(by: type, of: checkpoint, isCalibrated: calibrate)))
  }

  func run() async throws {
    let checkpoint = try adapters.merged(into: try Checkpoint.opened(input))
    let verification = verify.map {
      Verification(
        before: checkpoint, text: $0, measuring: measuring, cutting: outputOptions.cutting,
        replacing: outputOptions.force)
    }
    let reading =
      try checkpoint.inputPaths + types.inputPaths + targets.inputPaths + text + (verification?.inputPaths ?? [])
      + (try measuring.reading.tokenizer.map(ModelTokenizer.inputPaths) ?? [])
    if typeNames.count > 1 {
      let outputs = try typeNames.map { name in
        Job.Output(path: path(of: name), recipe: try ruledRecipe(for: name, checkpoint))
      }
      return try await Job(checkpoint, to: outputs, outputOptions, talk, reading: reading).run(
        verification: verification)
    }
    let saved = targets.saveRecipe.map { FileOutput($0, replacing: outputOptions.force) }
    let first = try planned(of: checkpoint, reading)
    try first.destination.checkRoom(for: nil)
    if let saved {
      try saved.check(against: reading)
      try saved.checkRoom()
      try first.destination.refuse(besides: saved.path)
    }
    // Nobody else has the hidden names beside the output until the end.
    let isAlone =
      !outputOptions.dryRun && (calibrate || targets.target != nil || (first.recipe.calibration != nil && measure))
    let hidden = isAlone ? try first.destination.hiddenOutputs(reading: reading + (saved.map { [$0.path] } ?? [])) : nil
    defer { withExtendedLifetime(hidden) {} }
    var (recipe, found, accompanying) = (first.recipe, TargetReport?.none, CalibrationJob.Accompanying?.none)
    let calibrating = calibrate ? try calibrationJob(of: checkpoint) : nil
    if let price = calibrating?.price, outputOptions.dryRun {
      talk.tell([
        Note(
          "calibrating takes about \(DurationText.of(price.seconds)), \(NumberText.bytes(Int(price.memory))) of memory and a scratch file "
            + "of \(NumberText.bytes(price.scratchBytes))"
            + (targets.target == nil
              ? "" : ", and what is known is kept in a file of \(NumberText.bytes(price.fileBytes))")
            + "; encoding with it comes on top")
      ])
    }
    if let target = targets.target {
      let calibration = try await searchedCalibration(by: calibrating?.job, beside: first.destination)
      let base = gguf.applied(to: try types.completed(Recipe(.keep), calibration: calibration))
      guard let search = try await chosen(target, base, of: checkpoint, first.destination) else { return }
      (recipe, found) = search
    } else if let (job, price) = calibrating {
      try first.destination.checkRoom(for: first.plan, besides: price.scratchBytes)
      if !outputOptions.dryRun {
        accompanying = try await job.start(for: first.destination.path)
        if let accompanying, !talk.quiet, !talk.json { Terminal.note(accompanying.calibration.settings.readTexts) }
        recipe = gguf.applied(to: try types.completed(Recipe(recipe.rule), calibration: accompanying?.calibration))
      }
    }
    let gated = recipe.calibration.map {
      Job.Calibrating(
        before: checkpoint, calibration: $0, accompanying: accompanying, isMeasured: measure, keepsWorse: keepWorse)
    }
    try await Job(checkpoint, to: [.init(path: outputPath, recipe: recipe)], outputOptions, talk, reading: reading)
      .run(verification: verification, calibrating: gated, target: found, savingRecipe: saved)
  }

  /// What is known before anything is calibrated or searched: where the output goes, and a recipe that it may have. What is wrong with the
  /// output itself is told by planning it.
  private func planned(
    of checkpoint: Checkpoint, _ reading: [String]
  ) throws -> (recipe: Recipe, destination: Destination, plan: Plan?) {
    var recipe = try targets.named() ?? Recipe(.keep)
    if let type {
      recipe = try types.ruled(by: type, of: checkpoint, isCalibrated: calibrate)
    } else if targets.target != nil {
      let isFolder = try outputOptions.destination(outputPath, for: recipe).container != .gguf
      recipe = try targets.rules(types, of: checkpoint, isFolder: isFolder).first.map { Recipe($0.rule) } ?? recipe
    }
    recipe = gguf.applied(to: try types.completed(recipe))
    let destination = try outputOptions.destination(outputPath, for: recipe)
    // Where nothing comes before the job, its own plan tells that.
    guard calibrate || targets.target != nil else { return (recipe, destination, nil) }
    let plan = try Plan(
      converting: checkpoint, to: destination,
      recipe: try outputOptions.applied(to: recipe, of: checkpoint, for: destination), alsoReading: reading,
      workers: outputOptions.workers.count)
    return (recipe, destination, plan)
  }

  /// Finds a type for each tensor.
  /// - Returns: nil where it is only told what could be found.
  private func chosen(
    _ target: SizeTarget, _ base: Recipe, of checkpoint: Checkpoint, _ destination: Destination
  ) async throws -> (Recipe, TargetReport?)? {
    let rules = try targets.rules(types, of: checkpoint, isFolder: destination.container != .gguf)
    let job = TargetJob(
      target: target, checkpoint: checkpoint, recipe: base, destination: destination, rules: rules,
      isMeasured: measure, tokenizer: measuring.reading.tokenizer, options: outputOptions)
    let (search, note) = try await job.search()
    if let note { talk.tell([Note(note)]) }
    guard !outputOptions.dryRun else {
      let sizes = search.byteCounts
      if talk.json {
        try Terminal.result(
          JSONText.of(["smallest": .integer(sizes.lowerBound), "largest": .integer(sizes.upperBound)]))
      } else {
        try Terminal.result(
          "between \(NumberText.bytes(sizes.lowerBound)) and \(NumberText.bytes(sizes.upperBound)); which types, is found by encoding "
            + "with each of \(rules.map(\.name).joined(separator: ", "))")
      }
      return nil
    }
    let report = try await job.run(search)
    if !talk.json, !talk.quiet { report.forEachLine(isVerbose: talk.verbose) { Terminal.note($0) } }
    return (base.forTrial(.table(report.outcome.best.table)), report)
  }

  /// Makes a calibration for a search, which reads it many times.
  /// - Returns: nil where none is asked for.
  private func searchedCalibration(
    by job: CalibrationJob?, beside output: Destination
  ) async throws -> CalibrationFile? {
    guard let job, !outputOptions.dryRun else { return nil }
    let path = output.hidden(.calibration).path
    do {
      _ = try await job.write(to: path, replacing: true)
    } catch let error as FileError where error.code == .interrupted {
      throw FileError(
        .interrupted, path: output.path, "interrupted while the model was calibrated, of which nothing is kept")
    }
    return try CalibrationFile(path: path).named(job.temporaryName)
  }

  /// What makes a calibration for this output only.
  private func calibrationJob(of checkpoint: Checkpoint) throws -> (job: CalibrationJob, price: CalibrationPrice) {
    let job = try CalibrationJob(
      checkpoint, CalibrationJob.Request(text: text), tokenizer: measuring.reading.tokenizer, outputOptions.cutting,
      memory: measuring.memory.memory, workers: outputOptions.workers.count)
    return (job, try job.price())
  }
}
