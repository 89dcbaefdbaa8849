extension Workers {
  /// Runs `work` for every number below `items`, and hands the results to `body` in order. No more results are held than
  /// there are workers, whatever their speed.
  package func inOrder<Output: Sendable>(
    _ items: Int, work: @escaping @Sendable (Int) throws(FileError) -> Output,
    body: (Int, Output) throws(FileError) -> Void
  ) async throws(FileError) {
    let failure: FileError? = await withTaskGroup(of: (Int, Result<Output, FileError>).self) { group in
      func start(_ number: Int) {
        group.addTask {
          do throws(FileError) {
            return (number, .success(try work(number)))
          } catch {
            return (number, .failure(error))
          }
        }
      }
      var started = min(items, count)
      for number in 0..<started { start(number) }
      var waiting: [Int: Output] = [:]
      var next = 0
      while let (number, result) = await group.next() {
        do throws(FileError) {
          waiting[number] = try result.get()
          while let output = waiting.removeValue(forKey: next) {
            try body(next, output)
            next += 1
            if started < items {
              start(started)
              started += 1
            }
          }
        } catch {
          group.cancelAll()
          return error
        }
      }
      return nil
    }
    if let failure { throw failure }
  }
}
