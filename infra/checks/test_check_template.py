"""What the checks find in broken templates, and the files beside the templates that a deployment reads."""

import copy
import json
import unittest

import check_template
import template as reading
from broken import SAM, Broken, children, each_finding, with_code


class Template(Broken):
    def test_the_unchanged_templates_have_no_findings(self):
        self.assertEqual(list(each_finding(lint=True)), [])

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
                child["Globals"]["Function"]["Environment"]["Variables"]["MAX_ATTEMPTS"] = "10"

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

    def test_f14_a_stream_that_gives_up_early_is_caught(self):
        def few(resources, sam):
            resources["DeliveryRelay"]["Properties"]["Events"]["Records"]["Properties"]["MaximumRetryAttempts"] = 10000

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

    # Logs, tables, settings

    def test_logs_that_never_expire_are_caught(self):
        def change(resources, sam):
            del resources["OrderPriceLogs"]["Properties"]["RetentionInDays"]

        self.caught("log-retention", "OrderPriceLogs", change)

    def test_a_level_at_which_lambda_drops_our_lines_is_caught(self):
        def change(resources, sam):
            for child in children(sam):
                del child["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"]

        self.caught("log-level", "OrderPrice", change)

    def test_a_reservation_that_no_parameter_sets_is_caught(self):
        def lost(resources, sam):
            del resources["JournalRelay"]["Properties"]["ReservedConcurrentExecutions"]

        def fixed(resources, sam):
            resources["OrderPrice"]["Properties"]["ReservedConcurrentExecutions"] = 5

        self.caught("function-reserved", "JournalRelay", lost)
        self.caught("function-reserved", "OrderPrice", fixed)

    def test_secrets_that_two_deployments_share_by_default_are_caught(self):
        def change(resources, sam):
            sam[reading.ROOT]["Parameters"]["SecretsPrefix"]["Default"] = "crossdock"

        self.caught("secrets-prefix", "SecretsPrefix", change)

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

    def test_a_table_that_no_restored_one_can_replace_is_caught(self):
        def change(resources, sam):
            del sam[reading.ROOT]["Parameters"]["RestoredDeliveriesTableStreamArn"]

        self.caught("table-adoption", "DeliveriesTable", change)

    def test_a_table_that_is_used_beside_the_restored_one_is_caught(self):
        def change(resources, sam):
            resources["CrmStack"]["Properties"]["Parameters"]["ViewsTable"] = {"Ref": "ViewsTable"}

        self.caught("table-adoption", "ViewsTable", change)

    def test_an_output_that_names_the_replaced_table_is_caught(self):
        def change(resources, sam):
            sam[reading.ROOT]["Outputs"]["DueTableName"]["Value"] = {"Ref": "DueTable"}

        self.caught("table-adoption", "DueTable", change)

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

    def test_a_local_sign_in_on_aws_is_caught(self):
        def change(resources, sam):
            variables = resources["ConsoleServe"]["Properties"]["Environment"]["Variables"]
            self.assertIn("LOCAL_SIGN_IN", variables)
            variables["LOCAL_SIGN_IN"] = "true"

        self.caught("local-sign-in", "ConsoleServe", change)

    def test_a_local_sign_in_of_another_function_is_caught(self):
        def change(resources, sam):
            resources["OrderRead"]["Properties"]["Environment"]["Variables"]["LOCAL_SIGN_IN"] = "true"

        self.caught("local-sign-in", "OrderRead", change)

    def test_a_route_of_the_console_to_another_function_needs_the_authorizer(self):
        def change(resources, sam):
            resources["ConsoleServeFormRoute"]["Properties"]["Target"] = {"Fn::Sub": "integrations/${OrderReadIntegration}"}

        self.caught("route-authorizer", "ConsoleServeFormRoute", change)

    def test_an_address_in_the_access_log_is_caught(self):
        def change(resources, sam):
            resources["ApiStage"]["Properties"]["AccessLogSettings"]["Format"] = '{"ip":"$context.identity.sourceIp"}'

        self.caught("api-log", "ApiStage", change)

    def test_an_access_log_without_the_address_that_was_asked_for_is_caught(self):
        def change(resources, sam):
            resources["ApiStage"]["Properties"]["AccessLogSettings"]["Format"]["Fn::Sub"][1]["Address"] = ""

        self.caught("api-log", "ApiStage", change)

    def test_a_free_text_in_the_access_log_is_caught(self):
        def change(resources, sam):
            resources["ApiStage"]["Properties"]["AccessLogSettings"]["Format"] = '{"e":"$context.integrationErrorMessage"}'

        self.caught("api-log", "ApiStage", change)

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


if __name__ == "__main__":
    unittest.main()
