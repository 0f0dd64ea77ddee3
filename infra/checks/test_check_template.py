"""Breaks the good templates in memory, one way at a time; each check has to name its break.

Without these tests, a check that no longer finds anything would pass unnoticed.
"""

import copy
import json
import tempfile
import unittest
from pathlib import Path

import check_template
import rules
import template as reading

SAM = reading.read_all(check_template.ROOT / "infra" / "template.yaml")
FUNCTIONS = check_template.ROOT / "functions"
CODE = check_template.read_code(
    FUNCTIONS,
    check_template.ROOT / "shared" / "domain" / "src",
    check_template.HERE / "ports.toml",
    check_template.ROOT / "shared" / "cloud" / "src",
)


class Resources:
    """The resources of all files by logical id; a new one goes to the order's stack."""

    def __init__(self, sam):
        self.sam = sam

    def home(self, name):
        return next((t["Resources"] for t in self.sam.values() if name in t["Resources"]), self.sam["OrderStack"]["Resources"])

    def __getitem__(self, name):
        return self.home(name)[name]

    def __setitem__(self, name, resource):
        self.home(name)[name] = resource

    def __delitem__(self, name):
        del self.home(name)[name]


def findings(change=None, code=CODE, lint=False, strict=False):
    """What is found in the templates after `change`, which gets the resources and the files."""
    # By way of text, so that the children do not have one dict of parameters in common.
    sam = json.loads(json.dumps(SAM, default=str))
    if change:
        change(Resources(sam), sam)
    return check_template.check(check_template.files_of(sam, FUNCTIONS), code, strict=strict, lint=lint)


def children(sam):
    return [template for name, template in sam.items() if name != reading.ROOT]


class Template(unittest.TestCase):
    def caught(self, check, resource, change, **how):
        found = findings(change, **how)
        names = {(finding.check, finding.resource) for finding in found}
        self.assertIn((check, resource), names, f"found instead: {sorted(names)}")
        for finding in found:
            self.assertTrue(finding.problem and finding.remedy, finding)

    def test_the_unchanged_templates_have_no_findings(self):
        self.assertEqual(findings(lint=True), [])

    # Queues

    def test_a_visibility_below_six_timeouts_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                child["Mappings"]["QueueVisibility"]["10"]["Seconds"] = 59

        self.caught("queue-visibility", "OrderPriceQueue", change)

    def test_a_visibility_that_is_too_short_for_another_timeout_only_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                child["Mappings"]["QueueVisibility"]["29"]["Seconds"] = 170

        self.caught("queue-visibility", "OrderPriceQueue", change)

    def test_a_fixed_visibility_is_caught_for_longer_timeouts(self):
        def change(resources, sam):
            resources["OrderPriceQueue"]["Properties"]["VisibilityTimeout"] = 60

        self.caught("queue-visibility", "OrderPriceQueue", change)

    def test_a_timeout_without_its_row_is_caught(self):
        def change(resources, sam):
            sam[reading.ROOT]["Parameters"]["FunctionTimeoutSeconds"]["AllowedValues"].append("25")

        first = next(n for template in SAM.values() for n in template["Resources"] if n.endswith("Queue"))
        self.caught("unresolvable", first, change)

    def test_a_queue_without_its_dead_letter_queue_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceQueue"]["Properties"]["RedrivePolicy"]

        self.caught("queue-dlq", "OrderPriceQueue", change)

    def test_a_queue_that_parks_in_anothers_dead_letter_queue_is_caught(self):
        def change(resources, sam):
            policy = resources["OrderPriceQueue"]["Properties"]["RedrivePolicy"]
            policy["deadLetterTargetArn"] = {"Fn::GetAtt": ["OrderRouteDlq", "Arn"]}

        self.caught("queue-dlq", "OrderPriceQueue", change)

    def test_too_few_attempts_are_caught(self):
        def change(resources, sam):
            resources["OrderPriceQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = 4

        self.caught("queue-receive-count", "OrderPriceQueue", change)

    def test_a_queue_that_parks_before_its_step_does_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                child["Globals"]["Function"]["Environment"]["Variables"]["MAX_ATTEMPTS"] = "6"

        self.caught("queue-attempts", "OrderPriceQueue", change)

    def test_a_dead_letter_queue_that_forgets_before_its_source_is_caught(self):
        def change(resources, sam):
            resources["OrderPriceDlq"]["Properties"]["MessageRetentionPeriod"] = 345600

        self.caught("dlq-retention", "OrderPriceDlq", change)

    def test_an_implicit_size_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceDlq"]["Properties"]["MaximumMessageSize"]

        self.caught("queue-size", "OrderPriceDlq", change)

    def test_an_unencrypted_queue_is_caught(self):
        def change(resources, sam):
            resources["OrderPriceQueue"]["Properties"]["SqsManagedSseEnabled"] = False

        self.caught("queue-encryption", "OrderPriceQueue", change)

    # Rules, policies of queues, schedules

    def test_a_queue_policy_for_a_wrong_rule_is_caught(self):
        def change(resources, sam):
            statement = resources["OrderPriceQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
            statement["Condition"]["ArnEquals"]["aws:SourceArn"] = {"Fn::GetAtt": ["OrderRouteRule", "Arn"]}

        self.caught("queue-policy", "OrderPriceQueuePolicy", change)

    def test_a_queue_policy_without_a_condition_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]

        self.caught("queue-policy", "OrderPriceQueuePolicy", change)

    def test_a_second_sender_is_caught(self):
        def change(resources, sam):
            statements = resources["OrderPriceQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
            statements.append(copy.deepcopy(statements[0]))

        self.caught("queue-policy", "OrderPriceQueuePolicy", change)

    def test_a_missing_queue_policy_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceQueuePolicy"]

        self.caught("queue-policy", "OrderPriceQueue", change)

    def test_a_policy_on_a_queue_that_no_rule_feeds_is_caught(self):
        def change(resources, sam):
            policy = copy.deepcopy(resources["OrderPriceQueuePolicy"])
            policy["Properties"]["Queues"] = [{"Ref": "DeadlineRaiseQueue"}]
            resources["DeadlineRaiseQueuePolicy"] = policy

        self.caught("queue-policy", "DeadlineRaiseQueuePolicy", change)

    def test_a_target_without_a_retry_policy_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceRule"]["Properties"]["Targets"][0]["RetryPolicy"]

        self.caught("target-retry", "OrderPriceRule", change)

    def test_a_target_without_a_dead_letter_queue_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceRule"]["Properties"]["Targets"][0]["DeadLetterConfig"]

        self.caught("target-dlq", "OrderPriceRule", change)

    def test_a_schedule_without_a_dead_letter_queue_is_caught(self):
        def change(resources, sam):
            del resources["DueFireSchedule"]["Properties"]["Target"]["DeadLetterConfig"]

        self.caught("target-dlq", "DueFireSchedule", change)

    def test_a_rule_that_calls_a_function_itself_is_caught(self):
        def change(resources, sam):
            resources["OrderPriceRule"]["Properties"]["Targets"][0]["Arn"] = {"Fn::GetAtt": ["OrderPrice", "Arn"]}

        self.caught("rule-target", "OrderPriceRule", change)

    def test_a_rule_for_an_event_that_nothing_emits_is_caught(self):
        def change(resources, sam):
            resources["OrderImportRule"]["Properties"]["EventPattern"]["detail-type"] = ["delivery.recieved"]

        self.caught("rule-event", "OrderImportRule", change)

    def test_a_rule_for_another_steps_due_work_is_caught(self):
        def change(resources, sam):
            resources["OrderPriceRule"]["Properties"]["EventPattern"]["resources"] = ["crossdock:step/order-route"]

        self.caught("rule-step", "OrderPriceRule", change)

    def test_a_rule_for_everything_is_caught(self):
        def change(resources, sam):
            del resources["OrderPriceRule"]["Properties"]["EventPattern"]["resources"]

        self.caught("rule-event", "OrderPriceRule", change)

    def test_a_rule_that_hears_less_than_the_functions_header_says_is_caught(self):
        def change(resources, sam):
            resources["OrderImportRule"]["Properties"]["EventPattern"]["detail-type"] = ["order.submitted"]

        code = with_code(listens={"order-import": {"delivery.received"}})
        self.caught("rule-header", "OrderImportRule", change, code=code)

    def test_a_branch_without_an_event_is_caught(self):
        def change(resources, sam):
            pattern = resources["OrderImportRule"]["Properties"]["EventPattern"]
            pattern["$or"] = [{"detail-type": pattern.pop("detail-type")}, {"detail": {"data": {"x": ["y"]}}}]

        self.caught("rule-event", "OrderImportRule", change)

    def test_a_rule_for_every_partners_deliveries_is_caught(self):
        def change(resources, sam):
            del resources["OrderImportRule"]["Properties"]["EventPattern"]["detail"]

        self.caught("rule-filter", "OrderImportRule", change)

    def test_a_branch_for_every_partners_deliveries_is_caught(self):
        def change(resources, sam):
            del resources["ChangeImportRule"]["Properties"]["EventPattern"]["detail"]["data"]["$or"][1]["role"]

        self.caught("rule-filter", "ChangeImportRule", change)

    # Event source mappings

    def test_a_concurrency_of_one_is_caught(self):
        def change(resources, sam):
            events = resources["OrderPrice"]["Properties"]["Events"]
            events["Messages"]["Properties"]["ScalingConfig"]["MaximumConcurrency"] = 1

        self.caught("source-concurrency", "OrderPriceMessages", change)

    def test_answers_for_the_whole_batch_are_caught(self):
        def change(resources, sam):
            del resources["OrderPrice"]["Properties"]["Events"]["Messages"]["Properties"]["FunctionResponseTypes"]

        self.caught("source-partial", "OrderPriceMessages", change)

    def test_a_stream_without_a_failure_destination_is_caught(self):
        def change(resources, sam):
            del resources["JournalRelay"]["Properties"]["Events"]["Records"]["Properties"]["DestinationConfig"]

        self.caught("source-on-failure", "JournalRelayRecords", change)

    def test_a_stream_that_retries_for_ever_is_caught(self):
        def change(resources, sam):
            del resources["JournalRelay"]["Properties"]["Events"]["Records"]["Properties"]["MaximumRetryAttempts"]

        self.caught("stream-attempts", "JournalRelayRecords", change)

    def test_f14_a_stream_that_gives_up_early_is_caught(self):
        def few(resources, sam):
            resources["DeliveryRelay"]["Properties"]["Events"]["Records"]["Properties"]["MaximumRetryAttempts"] = 100

        def early(resources, sam):
            records = resources["DeliveryRelay"]["Properties"]["Events"]["Records"]["Properties"]
            records["MaximumRecordAgeInSeconds"] = 21600

        self.caught("stream-attempts", "DeliveryRelayRecords", few)
        self.caught("stream-age", "DeliveryRelayRecords", early)

    def test_a_stream_record_that_outlives_the_stream_is_caught(self):
        def change(resources, sam):
            records = resources["ViewProject"]["Properties"]["Events"]["Records"]["Properties"]
            records["MaximumRecordAgeInSeconds"] = 86400

        self.caught("stream-age", "ViewProjectRecords", change)

    def test_a_batch_that_is_not_bisected_is_caught(self):
        def change(resources, sam):
            del resources["ViewProject"]["Properties"]["Events"]["Records"]["Properties"]["BisectBatchOnFunctionError"]

        self.caught("stream-bisect", "ViewProjectRecords", change)

    # Alarms, logs, tables, settings

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

    def test_logs_that_never_expire_are_caught(self):
        def change(resources, sam):
            del resources["OrderPriceLogs"]["Properties"]["RetentionInDays"]

        self.caught("log-retention", "OrderPriceLogs", change)

    def test_a_function_without_a_log_group_is_caught(self):
        def change(resources, sam):
            del resources["OrderPrice"]["Properties"]["LoggingConfig"]

        self.caught("log-group", "OrderPrice", change)

    def test_a_table_that_goes_with_the_stack_is_caught(self):
        def change(resources, sam):
            del resources["JournalTable"]["DeletionPolicy"]

        self.caught("table-retain", "JournalTable", change)

    def test_another_default_processor_is_caught(self):
        def change(resources, sam):
            sam[reading.ROOT]["Parameters"]["Architecture"]["Default"] = "x86_64"

        self.caught("arm64", "Architecture", change)

    def test_a_parameter_without_a_description_is_caught(self):
        def change(resources, sam):
            del sam[reading.ROOT]["Parameters"]["JournalEpoch"]["Description"]

        self.caught("description", "JournalEpoch", change)

    def test_a_childs_parameter_without_a_description_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                del child["Parameters"]["DueTableArn"]["Description"]

        self.caught("description", "DueTableArn", change)

    # Between the files

    def test_more_than_three_hundred_resources_in_one_stack_are_caught(self):
        def change(resources, sam):
            for n in range(200):
                resources[f"Extra{n}"] = {"Type": "AWS::SNS::Topic"}

        self.caught("resource-count", "OrderStack", change)

    def test_a_table_in_a_child_is_caught(self):
        def change(resources, sam):
            sam["OrderStack"]["Resources"]["QuotesTable"] = sam[reading.ROOT]["Resources"].pop("DueTable")

        self.caught("root-only", "QuotesTable", change)

    def test_a_key_in_a_child_is_caught(self):
        def change(resources, sam):
            sam["CrmStack"]["Resources"]["CrmKey"] = copy.deepcopy(sam[reading.ROOT]["Resources"]["PartiesKey"])

        self.caught("root-only", "CrmKey", change)

    def test_a_queue_in_the_root_is_caught(self):
        def change(resources, sam):
            sam[reading.ROOT]["Resources"]["OrderPriceQueue"] = sam["OrderStack"]["Resources"].pop("OrderPriceQueue")

        self.caught("root-only", "OrderPriceQueue", change)

    def test_an_output_of_a_sibling_is_caught(self):
        def change(resources, sam):
            sam["OrderStack"]["Outputs"] = {"PriceQueue": {"Description": "x", "Value": {"Ref": "OrderPriceQueue"}}}
            value = {"Fn::GetAtt": ["OrderStack", "Outputs.PriceQueue"]}
            resources["CrmStack"]["Properties"]["Parameters"]["Bus"] = value

        self.caught("sibling-output", "CrmStack", change)

    def test_an_output_of_a_sibling_inside_a_text_is_caught(self):
        def change(resources, sam):
            value = {"Fn::Sub": "x-${PlatformStack.Outputs.QueueUrlPrefix}"}
            resources["CrmStack"]["Properties"]["Parameters"]["Bus"] = value

        self.caught("sibling-output", "CrmStack", change)

    def test_an_import_is_caught(self):
        def change(resources, sam):
            resources["CrmUpdate"]["Properties"]["Environment"]["Variables"]["X"] = {"Fn::ImportValue": "other"}

        self.caught("sibling-output", "CrmStack", change)

    def test_an_export_is_caught(self):
        def change(resources, sam):
            sam["PlatformStack"]["Outputs"]["QueueUrlPrefix"]["Export"] = {"Name": "prefix"}

        self.caught("sibling-output", "PlatformStack", change)

    def test_other_globals_in_one_file_are_caught(self):
        def change(resources, sam):
            sam["CrmStack"]["Globals"]["Function"]["MemorySize"] = 256

        self.caught("equal-heads", "CrmStack", change)

    def test_another_mapping_in_one_file_is_caught(self):
        def change(resources, sam):
            sam["CrmStack"]["Mappings"]["StepConcurrency"]["10"]["Instances"] = 9

        self.caught("equal-heads", "CrmStack", change)

    def test_another_condition_in_one_file_is_caught(self):
        def change(resources, sam):
            sam["CrmStack"]["Conditions"]["OnAws"] = {"Fn::Equals": [{"Ref": "Platform"}, "local"]}

        self.caught("equal-heads", "CrmStack", change)

    def test_a_condition_that_differs_from_the_roots_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                child["Conditions"]["OnAws"] = {"Fn::Equals": [{"Ref": "Platform"}, "local"]}

        self.caught("equal-heads", "CrmStack", change)

    def test_another_parameter_in_one_file_is_caught(self):
        def change(resources, sam):
            sam["CrmStack"]["Parameters"]["LogRetentionDays"]["Type"] = "String"

        self.caught("equal-heads", "CrmStack", change)

    def test_a_missing_authorizer_is_caught_where_it_could_be_taken(self):
        def change(resources, sam):
            del sam["CrmStack"]["Parameters"]["ApiAuthorizer"]
            del resources["CrmStack"]["Properties"]["Parameters"]["ApiAuthorizer"]

        self.caught("equal-heads", "CrmStack", change)

    def test_a_head_that_no_file_uses_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                child["Conditions"]["OnMars"] = {"Fn::Equals": [{"Ref": "Platform"}, "mars"]}

        self.caught("head-in-use", "CrmStack", change)

    def test_a_parameter_that_no_file_uses_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                child["Parameters"]["Spare"] = {"Type": "String", "Description": "x"}

        self.caught("head-in-use", "CrmStack", change)

    def test_a_parameter_that_is_not_passed_is_caught(self):
        def change(resources, sam):
            del resources["CrmStack"]["Properties"]["Parameters"]["Bus"]

        self.caught("child-parameter", "CrmStack", change)

    def test_a_parameter_that_is_not_declared_is_caught(self):
        def change(resources, sam):
            resources["CrmStack"]["Properties"]["Parameters"]["Spare"] = {"Ref": "Bus"}

        self.caught("child-parameter", "CrmStack", change)

    def test_a_parameter_with_another_meaning_is_caught(self):
        def change(resources, sam):
            resources["CrmStack"]["Properties"]["Parameters"]["DueTable"] = {"Ref": "JournalTable"}

        self.caught("child-parameter", "CrmStack", change)

    def test_one_logical_id_in_two_files_is_caught(self):
        def change(resources, sam):
            sam["CrmStack"]["Resources"]["OrderPriceDlq"] = copy.deepcopy(resources["OrderPriceDlq"])

        self.caught("logical-id", "OrderPriceDlq", change)

    def test_a_workflow_without_its_stack_is_caught(self):
        def change(resources, sam):
            resources["CrmStack"]["Properties"]["TemplateURL"] = "stacks/other.yaml"

        self.caught("workflow-stack", "CrmStack", change)

    def test_a_function_in_another_workflows_stack_is_caught(self):
        def change(resources, sam):
            sam["CrmStack"]["Resources"]["OrderPrice"] = sam["OrderStack"]["Resources"].pop("OrderPrice")

        self.caught("workflow-stack", "OrderPrice", change)

    def test_a_stage_that_does_not_wait_for_the_routes_is_caught(self):
        def change(resources, sam):
            resources["ApiStage"]["DependsOn"] = ["IntakeStack"]

        self.caught("stage-order", "ApiStage", change)

    def test_a_name_that_is_too_long_with_the_longest_prefix_is_caught(self):
        def change(resources, sam):
            sam[reading.ROOT]["Parameters"]["NamePrefix"]["MaxLength"] = 41

        self.caught("name-prefix", "WarehouseReportRecord", change)

    def test_a_name_from_the_nested_stacks_name_is_caught(self):
        def change(resources, sam):
            resources["OrderPriceRule"]["Properties"]["Name"] = {"Fn::Sub": "${AWS::StackName}-order-price"}

        self.caught("name-prefix", "OrderStack", change)
        self.caught("name-prefix", "OrderPriceRule", change)

    # The API

    def test_a_route_without_a_token_is_caught(self):
        def change(resources, sam):
            resources["OrderListRoute"]["Properties"]["AuthorizationType"] = "NONE"

        self.caught("route-authorizer", "OrderListRoute", change)

    def test_a_route_that_may_not_call_its_function_is_caught(self):
        def change(resources, sam):
            del resources["OrderReadTimelinePermission"]

        self.caught("route-permission", "OrderReadTimelineRoute", change)

    def test_an_answer_that_is_cached_across_routes_is_caught(self):
        def change(resources, sam):
            resources["ApiAuthorizer"]["Properties"]["IdentitySource"] = ["$request.header.Authorization"]

        self.caught("authorizer-cache", "ApiAuthorizer", change)

    def test_an_address_in_the_access_log_is_caught(self):
        def change(resources, sam):
            resources["ApiStage"]["Properties"]["AccessLogSettings"]["Format"] = '{"ip":"$context.identity.sourceIp"}'

        self.caught("api-log", "ApiStage", change)

    # Policies

    def test_a_wildcard_resource_is_caught(self):
        self.caught("wildcard", "OrderPriceRole", allow("OrderPriceRole", ["dynamodb:PutItem"], "*"))

    def test_a_wildcard_at_the_end_of_a_resource_is_caught(self):
        where = {"Fn::Sub": "${JournalTable.Arn}/*"}
        self.caught("wildcard", "OrderPriceRole", allow("OrderPriceRole", ["dynamodb:Query"], where))

    def test_a_statement_that_names_only_what_it_leaves_out_is_caught(self):
        def change(resources, sam):
            statements = resources["OrderPriceRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            where = {"Fn::GetAtt": ["OrderPriceDlq", "Arn"]}
            statements.append({"Sid": "Extra", "Effect": "Allow", "Action": ["sqs:SendMessage"], "NotResource": where})

        self.caught("wildcard", "OrderPriceRole", change)

    def test_due_work_that_could_be_sent_to_any_queue_of_the_account_is_caught(self):
        def change(resources, sam):
            document = resources["DueFireRole"]["Properties"]["Policies"][0]["PolicyDocument"]
            document["Statement"] = [s for s in document["Statement"] if s["Effect"] == "Allow"]

        self.caught("policy-less", "DueFireRole", change)

    def test_due_work_that_could_be_sent_to_a_dead_letter_queue_is_caught(self):
        def change(resources, sam):
            statements = resources["DueFireRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            allowed = next(s for s in statements if s["Sid"] == "StepQueues")
            where = allowed.pop("NotResource")["Fn::Sub"].removesuffix("-dlq")
            allowed["Resource"] = {"Fn::Sub": where}

        self.caught("wildcard", "DueFireRole", change)

    def test_a_step_that_could_read_another_roles_secrets_is_caught(self):
        def change(resources, sam):
            statements = resources["OrderPriceRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            secrets = next(s for s in statements if s["Sid"] == "ErpSecrets")
            secrets["Resource"]["Fn::Sub"] = secrets["Resource"]["Fn::Sub"].replace("/erp/", "/crm/")

        self.caught("policy-more", "OrderPriceRole", change)

    def test_a_front_door_that_could_read_a_partners_token_is_caught(self):
        def change(resources, sam):
            statements = resources["WebhookReceiveRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            secrets = next(s for s in statements if s["Sid"] == "WebhookSecrets")
            secrets["Resource"]["Fn::Sub"] = secrets["Resource"]["Fn::Sub"].replace("/webhook/", "/partner/")

        self.caught("policy-more", "WebhookReceiveRole", change)
        self.caught("wildcard", "WebhookReceiveRole", change)

    def test_a_wildcard_action_is_caught(self):
        where = {"Fn::GetAtt": ["JournalTable", "Arn"]}
        self.caught("wildcard", "OrderPriceRole", allow("OrderPriceRole", ["dynamodb:*"], where))

    def test_an_action_that_iam_does_not_know_is_caught(self):
        where = {"Fn::GetAtt": ["JournalTable", "Arn"]}
        self.caught("lint", "OrderPriceRole", allow("OrderPriceRole", ["dynamodb:PutItems"], where), lint=True)

    def test_a_managed_policy_is_caught(self):
        def change(resources, sam):
            arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
            resources["OrderPriceRole"]["Properties"]["ManagedPolicyArns"] = [arn]

        self.caught("role-managed", "OrderPriceRole", change)

    def test_a_shared_role_is_caught(self):
        def change(resources, sam):
            resources["OrderPrice"]["Properties"]["Role"] = {"Fn::GetAtt": ["OrderRouteRole", "Arn"]}

        self.caught("role-own", "OrderRouteRole", change)

    def test_a_table_that_the_role_forbids_is_not_in_the_environment(self):
        def change(resources, sam):
            resources["FulfillmentRollup"]["Properties"]["Environment"]["Variables"]["PARTIES_TABLE"] = {"Ref": "PartiesTable"}

        self.caught("environment", "FulfillmentRollup", change)

    def test_a_variable_that_no_function_reads_is_caught(self):
        def change(resources, sam):
            resources["FulfillmentRollup"]["Properties"]["Environment"]["Variables"]["UNUSED"] = "x"

        self.caught("environment", "FulfillmentRollup", change)

    # Functions and their Ports

    def test_a_function_without_a_folder_is_caught(self):
        def change(resources, sam):
            stranger = copy.deepcopy(resources["FulfillmentRollup"])
            stranger["Properties"]["FunctionName"] = {"Fn::Sub": "${NamePrefix}-order-lose"}
            del stranger["Properties"]["Events"]
            resources["OrderLose"] = stranger

        self.caught("function-unknown", "OrderLose", change)

    def test_a_folder_without_a_function_is_caught(self):
        code = with_code(functions=[*CODE.functions, "order-dream"])
        self.caught("function-missing", "OrderDream", None, code=code)

    def test_a_function_under_anothers_name_is_caught(self):
        def change(resources, sam):
            resources["OrderPrice"]["Properties"]["FunctionName"] = {"Fn::Sub": "${NamePrefix}-fulfillment-rollup"}

        self.caught("function-missing", "OrderPrice", change)

    def test_another_binary_is_caught(self):
        def change(resources, sam):
            resources["OrderPrice"]["Metadata"]["BuildProperties"]["Binary"] = "fulfillment-rollup"

        self.caught("function-build", "OrderPrice", change)

    def test_a_queue_under_another_name_is_caught(self):
        def change(resources, sam):
            resources["OrderPriceQueue"]["Properties"]["QueueName"] = {"Fn::Sub": "${NamePrefix}-pricing"}

        self.caught("queue-name", "OrderPriceQueue", change)

    def test_a_role_that_allows_more_than_the_ports_is_caught(self):
        code = with_code(fields={**NO_FIELDS, "fulfillment-rollup": ["journal"]})
        where = {"Fn::GetAtt": ["PartiesTable", "Arn"]}
        self.caught("policy-more", "FulfillmentRollupRole", allow("FulfillmentRollupRole", ["dynamodb:GetItem"], where), code=code)

    def test_a_role_that_allows_less_than_the_ports_is_caught(self):
        code = with_code(fields={**NO_FIELDS, "fulfillment-rollup": ["journal", "erp"]})
        self.caught("policy-less", "FulfillmentRollupRole", None, code=code)

    def test_an_unknown_port_is_caught(self):
        code = with_code(fields={**NO_FIELDS, "fulfillment-rollup": ["journal", "telepathy"]})
        self.caught("ports-word", "FulfillmentRollup", None, code=code)

    def test_a_role_that_allows_what_the_ports_hold_has_no_findings(self):
        code = with_code(fields={**NO_FIELDS, "fulfillment-rollup": ["journal", "clock"]})
        self.assertEqual(findings(code=code), [])

    def test_a_function_without_ports_fails_only_when_asked(self):
        code = with_code(fields=NO_FIELDS)
        self.assertEqual(findings(code=code), [])
        self.caught("no-ports", "FulfillmentRollup", None, code=code, strict=True)


class Deployment(unittest.TestCase):
    """The files beside the templates that a deployment reads."""

    def environments(self):
        text = (check_template.ROOT / "samconfig.toml").read_text(encoding="utf-8")
        for name, section in check_template.tomllib.loads(text).items():
            if name != "version":
                yield name, section["deploy"]["parameters"]

    def test_the_stack_policy_refuses_to_replace_or_delete_tables_and_keys(self):
        policy = json.loads((check_template.ROOT / "infra" / "stack-policy.json").read_text(encoding="utf-8"))
        denied = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
        self.assertEqual([s["Action"] for s in denied], [["Update:Replace", "Update:Delete"]])
        types = set(denied[0]["Condition"]["StringEquals"]["ResourceType"])
        kept = {r["Type"] for r in SAM[reading.ROOT]["Resources"].values() if "UpdateReplacePolicy" in r}
        self.assertEqual(types, kept)

    def test_each_environment_sets_parameters_that_exist_to_allowed_values(self):
        declared = SAM[reading.ROOT]["Parameters"]
        for name, deploy in self.environments():
            given = dict(entry.split("=", 1) for entry in deploy["parameter_overrides"])
            self.assertLessEqual(given.keys(), declared.keys(), name)
            self.assertIn("NamePrefix", given, name)
            for key, value in given.items():
                allowed = [str(one) for one in declared[key].get("AllowedValues", [value])]
                self.assertIn(value, allowed, f"{name}: {key}")
            self.assertEqual(set(deploy["capabilities"]), {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"})

    def test_no_environments_prefix_is_the_beginning_of_anothers(self):
        prefixes = [
            entry.removeprefix("NamePrefix=")
            for _, deploy in self.environments()
            for entry in deploy["parameter_overrides"]
            if entry.startswith("NamePrefix=")
        ]
        for one in prefixes:
            self.assertFalse([other for other in prefixes if other != one and other.startswith(one)])


class Ports(unittest.TestCase):
    def fields(self, source):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lib.rs"
            path.write_text(source, encoding="utf-8")
            return check_template.fields_of_ports(path)

    def test_plain_fields_are_read(self):
        self.assertEqual(self.fields("pub struct Ports {\n    pub journal: Journal,\n    pub erp: Erp,\n}\n"), ["journal", "erp"])

    def test_generic_fields_with_comments_are_read(self):
        source = "/// pub struct Ports { pub no: No }\npub struct Ports<J, E = Rest<Http>>\nwhere\n    J: Journal,\n{\n    /// pub mail: not this.\n    pub journal: J,\n    pub(crate) erp: E,\n}\n"
        self.assertEqual(self.fields(source), ["journal", "erp"])

    def test_fields_on_one_line_are_read(self):
        self.assertEqual(self.fields("pub struct Ports { pub journal: A<B>, pub bus: C }"), ["journal", "bus"])

    def test_a_function_may_touch_nothing(self):
        self.assertEqual(self.fields("pub struct Ports;"), [])

    def test_the_header_says_what_a_function_is_on(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "lib.rs"
            path.write_text(
                "//! Releases.\n//!\n//! - On: `order.credit_approved` and\n//!   `order.allocated`.\n//! - Does: `Erp::x`.\n"
                "//! - Then: `order.released`.\n",
                encoding="utf-8",
            )
            listens = check_template.events_of_header(path)
        self.assertEqual(listens, {"order.credit_approved", "order.allocated"})

    def test_no_ports_is_not_the_same_as_none(self):
        self.assertIsNone(self.fields("//! order-price.\n"))


NO_FIELDS = dict.fromkeys(CODE.functions)


def with_code(**changes):
    return rules.Code(**{**vars(CODE), **changes})


def allow(role, actions, where):
    def change(resources, sam):
        statements = resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        statements.append({"Sid": "Extra", "Effect": "Allow", "Action": actions, "Resource": where})

    return change


if __name__ == "__main__":
    unittest.main()
