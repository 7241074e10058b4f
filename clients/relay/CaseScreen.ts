// What Relay's own directives make of the schema: pages that grow, parts that refetch, lists that changes keep up.
import { graphql } from "relay-runtime";

export const CaseScreenListQuery = graphql`
  query CaseScreenListQuery($count: Int!, $text: String) {
    ...CaseScreen_list @arguments(count: $count, text: $text)
  }
`;

export const CaseScreenListFragment = graphql`
  fragment CaseScreen_list on Query
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" }, text: { type: "String" })
  @refetchable(queryName: "CaseScreenListPaginationQuery") {
    cases(first: $count, after: $cursor, where: { text: $text }, orderBy: [NUMBER_ASC])
      @connection(key: "CaseScreen_cases", filters: ["where"]) {
      __id
      edges {
        node {
          id
          title
        }
      }
    }
  }
`;

export const CaseScreenQuery = graphql`
  query CaseScreenQuery($id: ID!, $withMembers: Boolean!) {
    case(id: $id) {
      ...CaseScreen_case
      ...CaseScreen_members @include(if: $withMembers) @alias(as: "people")
    }
  }
`;

export const CaseScreenFragment = graphql`
  fragment CaseScreen_case on Case @refetchable(queryName: "CaseScreenRefetchQuery") {
    title
    description
    reference
    version
  }
`;

export const CaseScreenMembersFragment = graphql`
  fragment CaseScreen_members on Case {
    members {
      role
      user {
        subject
      }
    }
  }
`;

export const CaseScreenTimelineQuery = graphql`
  query CaseScreenTimelineQuery($id: ID!) {
    case(id: $id) {
      ...CaseScreen_timeline
    }
  }
`;

export const CaseScreenTimelineFragment = graphql`
  fragment CaseScreen_timeline on Case
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
  @refetchable(queryName: "CaseScreenTimelinePaginationQuery") {
    events(first: $count, after: $cursor) @connection(key: "CaseScreen_events") {
      __id
      edges {
        node {
          id
          title
          fileBatches {
            totalCount
          }
        }
      }
    }
  }
`;

export const CaseScreenCreateMutation = graphql`
  mutation CaseScreenCreateMutation($input: CreateCaseInput!, $connections: [ID!]!) {
    createCase(input: $input) {
      case @appendNode(connections: $connections, edgeTypeName: "CaseEdge") {
        id
        title
      }
      errors {
        __typename
      }
    }
  }
`;

export const CaseScreenUpdateMutation = graphql`
  mutation CaseScreenUpdateMutation($input: UpdateCaseInput!) {
    updateCase(input: $input) {
      case {
        ...CaseScreen_case
      }
      errors {
        __typename
        ... on ConflictError {
          current {
            ... on Case {
              title
              description
              reference
              version
            }
          }
        }
      }
    }
  }
`;

export const CaseScreenDeleteMutation = graphql`
  mutation CaseScreenDeleteMutation($input: DeleteCaseInput!, $connections: [ID!]!) {
    deleteCase(input: $input) {
      deletedId @deleteEdge(connections: $connections) @deleteRecord
      errors {
        __typename
      }
    }
  }
`;

export const CaseScreenAddEventMutation = graphql`
  mutation CaseScreenAddEventMutation($input: CreateEventInput!, $connections: [ID!]!) {
    createEvent(input: $input) {
      event @appendNode(connections: $connections, edgeTypeName: "EventEdge") {
        id
        title
        fileBatches {
          totalCount
        }
      }
      errors {
        __typename
      }
    }
  }
`;

export const CaseScreenCommentMutation = graphql`
  mutation CaseScreenCommentMutation($input: AddCommentInput!) {
    addComment(input: $input) {
      comment {
        id
      }
    }
  }
`;

export const CaseScreenAddBatchMutation = graphql`
  mutation CaseScreenAddBatchMutation($input: CreateFileBatchInput!) {
    createFileBatch(input: $input) {
      fileBatch {
        id
        event {
          id
          fileBatches {
            totalCount
          }
        }
      }
      errors {
        __typename
      }
    }
  }
`;
