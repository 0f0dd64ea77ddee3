"""What the checks find in broken alarms."""

import copy
import re
import unittest

from alarms import SILENT
from broken import Broken


class Alarms(Broken):
    def test_a_dead_letter_queue_without_an_alarm_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceDlqAlarm"]

        self.caught("alarm-missing", "OrderPriceDlq", change)

    def test_a_queue_without_an_alarm_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceLateAlarm"]

        self.caught("alarm-missing", "OrderPriceQueue", change)

    def test_an_iterator_age_that_rings_too_late_is_caught(self):
        def change(resources, sam):
            resources["JournalRelayLateAlarm"]["Properties"]["Threshold"] = 3_600_000

        self.caught("alarm-threshold", "JournalRelayLateAlarm", change)

    def test_an_alarm_that_rings_when_nothing_is_there_is_caught(self):
        def change(resources, sam):
            resources["OrderPriceDlqAlarm"]["Properties"]["TreatMissingData"] = "breaching"

        self.caught("alarm-threshold", "OrderPriceDlqAlarm", change)

    def test_an_alarm_that_notifies_no_one_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceDlqAlarm"]["Properties"]["AlarmActions"]

        self.caught("alarm-topic", "OrderPriceDlqAlarm", change)

    # Silence

    def test_f18_a_disabled_source_rings_within_ten_minutes_and_a_working_one_never(self):
        # Counts of writes and invocations by minute, as the alarm adds them up in its periods.
        minutes = 24
        for minute in range(4, 12):
            with self.subTest(minute):
                written = [int(m == minute) for m in range(minutes)]
                self.assertTrue(any(rang_by(written, [0] * minutes, minute + 9)), "one write, and no invocation")
                for read in (minute, minute + 1):
                    invoked = [int(m == read) for m in range(minutes)]
                    self.assertFalse(any(rang_by(written, invoked, minutes)), "read at once, or a moment later")
        self.assertFalse(any(rang_by([0] * minutes, [0] * minutes, minutes)), "a quiet night")
        for minute in range(4, 12):
            off = [int(m < minute) for m in range(minutes)]
            self.assertTrue(any(rang_by([1] * minutes, off, minute + 9)), "it worked, and was disabled")
        self.assertFalse(any(rang_by([1] * minutes, [1] * minutes, minutes)))

    def test_f18_a_stream_function_whose_silence_rings_nowhere_is_caught(self):
        for function in ("JournalRelay", "ViewProject", "DeliveryRelay"):
            with self.subTest(function):
                self.caught("silence", function, without(f"{function}SilentAlarm"))

    def test_a_new_stream_function_without_its_alarm_is_caught(self):
        def change(resources, sam):
            relay = copy.deepcopy(resources["JournalRelay"])
            relay["Properties"]["FunctionName"] = {"Fn::Sub": "${NamePrefix}-journal-copy"}
            sam["PlatformStack"]["Resources"]["JournalCopy"] = relay

        self.caught("silence", "JournalCopy", change)

    def test_a_write_that_is_not_counted_is_caught(self):
        def change(resources, sam):
            metrics = resources["DeliveryRelaySilentAlarm"]["Properties"]["Metrics"]
            metrics[:] = [metric for metric in metrics if metric["Id"] != "updates"]

        self.caught("silence", "DeliveryRelaySilentAlarm", change)

    def test_silence_that_rings_too_late_is_caught(self):
        def change(resources, sam):
            resources["JournalRelaySilentAlarm"]["Properties"]["EvaluationPeriods"] = 3

        self.caught("silence", "JournalRelaySilentAlarm", change)

    def test_silence_that_is_computed_otherwise_is_caught(self):
        def change(resources, sam):
            resources["JournalRelaySilentAlarm"]["Properties"]["Metrics"][0]["Expression"] = "IF(invoked == 0, 0, 1)"

        self.caught("silence", "JournalRelaySilentAlarm", change)

    def test_silence_that_rings_without_any_write_is_caught(self):
        def change(resources, sam):
            resources["JournalRelaySilentAlarm"]["Properties"]["TreatMissingData"] = "breaching"

        self.caught("alarm-threshold", "JournalRelaySilentAlarm", change)

    def test_a_schedule_that_may_stop_unnoticed_is_caught(self):
        self.caught("silence", "DueFire", without("DueFireLateAlarm"))
        self.caught("silence", "WorkSweep", without("WorkSweepLateAlarm"))
        self.caught("silence", "ScheduleGroup", without("SchedulerSilentAlarm"))

    def test_a_schedule_that_rings_when_it_fires_or_never_is_caught(self):
        def good(resources, sam):
            resources["SchedulerSilentAlarm"]["Properties"]["TreatMissingData"] = "notBreaching"

        def late(resources, sam):
            resources["DueFireLateAlarm"]["Properties"]["EvaluationPeriods"] = 3

        def early(resources, sam):
            resources["WorkSweepLateAlarm"]["Properties"]["EvaluationPeriods"] = 1

        self.caught("alarm-threshold", "SchedulerSilentAlarm", good)
        self.caught("silence", "DueFireLateAlarm", late)
        self.caught("silence", "WorkSweepLateAlarm", early)

    def test_a_schedule_in_the_accounts_group_is_caught(self):
        def change(resources, sam):
            del resources["DueFireSchedule"]["Properties"]["GroupName"]

        self.caught("silence", "None", change)

    # Business times

    def test_a_message_that_is_about_to_be_lost_without_an_alarm_is_caught(self):
        self.caught("alarm-missing", "OrderPriceDlq", without("OrderPriceDlqAgeAlarm"))

    def test_a_business_time_that_rings_nowhere_or_too_late_is_caught(self):
        def late(resources, sam):
            resources["CrmStalenessAlarm"]["Properties"]["Threshold"] = 86_400

        def mean(resources, sam):
            resources["CrmStalenessAlarm"]["Properties"]["ExtendedStatistic"] = "p50"

        def helpless(resources, sam):
            resources["CrmStalenessAlarm"]["Properties"]["AlarmDescription"] = "The CRM is stale"

        self.caught("business-time", "release-time", without("ReleaseTimeAlarm"))
        self.caught("alarm-threshold", "CrmStalenessAlarm", late)
        self.caught("business-time", "CrmStalenessAlarm", mean)
        self.caught("business-time", "CrmStalenessAlarm", helpless)

    def test_a_business_time_that_puts_no_order_at_risk_or_on_no_dashboard_is_caught(self):
        def change(resources, sam):
            rule = resources["OrdersAtRiskAlarm"]["Properties"]["AlarmRule"]
            rule["Fn::Sub"] = rule["Fn::Sub"].replace("ReleaseTimeAlarm", "ApiAlarm")

        def hide(resources, sam):
            body = resources["Dashboard"]["Properties"]["DashboardBody"]
            body["Fn::Sub"] = body["Fn::Sub"].replace("partner-latency", "latency")

        def silence(resources, sam):
            del resources["OrdersAtRiskAlarm"]["Properties"]["AlarmActions"]

        self.caught("business-time", "ReleaseTimeAlarm", change)
        self.caught("business-time", "partner-latency", hide)
        self.caught("alarm-topic", "OrdersAtRiskAlarm", silence)

    # Losses and throttles

    def test_events_that_could_be_lost_without_a_trace_are_caught(self):
        self.caught("alarm-missing", "Bus", without("EventsLostAlarm"))
        self.caught("alarm-missing", "ScheduleGroup", without("SchedulerLostAlarm"))

    def test_a_query_about_another_bus_is_caught(self):
        def change(resources, sam):
            resources["EventsLostAlarm"]["Properties"]["Metrics"][0]["Expression"]["Fn::Sub"] += "-old"

        self.caught("alarm-missing", "Bus", change)

    def test_a_function_whose_throttling_rings_nowhere_is_caught(self):
        self.caught("alarm-missing", "OrderPrice", without("OrderPriceThrottleAlarm"))
        self.caught("alarm-missing", "TokenAuthorize", without("TokenAuthorizeThrottleAlarm"))

    def test_a_table_whose_throttling_rings_nowhere_is_caught(self):
        self.caught("alarm-missing", "DueTable", without("DueTableThrottleAlarm"))

    def test_an_index_whose_throttling_rings_nowhere_is_caught(self):
        def change(resources, sam):
            metrics = resources["ViewsTableThrottleAlarm"]["Properties"]["Metrics"]
            metrics[:] = [metric for metric in metrics if not metric["Id"].startswith("index")]

        self.caught("alarm-missing", "ViewsTable", change)

    def test_an_api_whose_errors_ring_nowhere_is_caught(self):
        self.caught("alarm-missing", "Api", without("ApiAlarm"))


def rang_by(written, invoked, minute):
    """Whether the alarm's expression is 1, for each whole period that ended by the minute; the first one has no `DIFF`."""
    length = 3
    ends = range(length, minute + 1, length)
    values = {"written": [sum(written[end - length : end]) for end in ends], "invoked": [sum(invoked[end - length : end]) for end in ends]}
    condition = SILENT.removeprefix("IF(").removesuffix(", 1, 0)")
    for n in range(1, len(ends)):

        def diff(name, n=n):
            return values[name][n] - values[name][n - 1]

        now = {name: series[n] for name, series in values.items()}
        names = {**now, "DIFF": diff}
        text = re.sub(r"DIFF\((\w+)\)", r'DIFF("\1")', condition).replace(" AND ", " and ")
        yield eval(text, {"__builtins__": {}}, names)


def without(name):
    def change(resources, sam):
        del resources[name]

    return change


if __name__ == "__main__":
    unittest.main()
