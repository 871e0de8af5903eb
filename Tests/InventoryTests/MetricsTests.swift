import Inventory
import Testing

struct MetricsTests {
  private func values(_ states: [Item.State]) -> [Substring] {
    var metrics = Metrics(at: 1000)
    for state in states { metrics.count(state) }
    metrics.corrupt = 9
    return metrics.text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
      $0.dropFirst("postern_queue_".count)
    }
  }

  @Test("An entry is due when no run has looked at it, or its time has come")
  func numbers() {
    let states: [Item.State] = [
      .new, .new, .waiting(next: 1000), .waiting(next: 990), .waiting(next: 1001), .held, .pending,
    ]
    #expect(
      values(states) == [
        #"entries{state="new"} 2"#, #"entries{state="queue"} 3"#, #"entries{state="hold"} 1"#,
        #"entries{state="corrupt"} 9"#, "due 4", "late_seconds 10",
      ])
    #expect(values([.waiting(next: 1001)]).suffix(2) == ["due 0", "late_seconds 0"])
  }

  @Test("Each number has its help and its type in front of it")
  func form() {
    let lines = Metrics(at: 0).text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 13 && lines.last == "")
    for name in ["postern_queue_entries", "postern_queue_due", "postern_queue_late_seconds"] {
      let place = lines.firstIndex { $0.hasPrefix(name) } ?? 2
      #expect(lines[place - 2].hasPrefix("# HELP \(name) "))
      #expect(lines[place - 1] == "# TYPE \(name) gauge")
    }
  }
}
