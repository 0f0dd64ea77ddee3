"""What the checks find in broken policies, and how they read what a function may touch."""

import copy
import tempfile
import unittest
from pathlib import Path

import check_template
from broken import CODE, NO_FIELDS, Broken, allow, each_finding, with_code


class Policies(Broken):
    # Queues

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

    def test_a_queue_that_takes_plain_http_is_caught(self):
        def statement(resources, sam):
            del resources["OrderPriceQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][1]

        def other(resources, sam):
            statements = resources["OrderPriceDlqPolicy"]["Properties"]["PolicyDocument"]["Statement"]
            statements[1]["Action"] = "sqs:SendMessage"

        def policy(resources, sam):
            del resources["JournalRelayDlqPolicy"]

        self.caught("queue-policy", "OrderPriceQueuePolicy", statement)
        self.caught("queue-policy", "OrderPriceDlqPolicy", other)
        self.caught("queue-policy", "JournalRelayDlq", policy)

    def test_a_bucket_or_topic_that_takes_plain_http_is_caught(self):
        def bucket(resources, sam):
            resources["FilesBucket"] = {"Type": "AWS::S3::Bucket"}

        def topic(resources, sam):
            statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
            document = {"Version": "2012-10-17", "Statement": [statement]}
            resources["NewsTopic"] = {"Type": "AWS::SNS::Topic"}
            properties = {"Topics": [{"Ref": "NewsTopic"}], "PolicyDocument": document}
            resources["NewsTopicPolicy"] = {"Type": "AWS::SNS::TopicPolicy", "Properties": properties}

        self.caught("plain-http", "FilesBucket", bucket)
        self.caught("plain-http", "NewsTopic", topic)

    # Roles

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
        self.assertEqual(list(each_finding(code=code)), [])

    def test_a_function_without_ports_fails_only_when_asked(self):
        code = with_code(fields=NO_FIELDS)
        self.assertEqual(list(each_finding(code=code)), [])
        self.caught("no-ports", "FulfillmentRollup", None, code=code, strict=True)


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


if __name__ == "__main__":
    unittest.main()
